"""The list of features says what this server's language and API have."""

from api.endpoints.status.features import abilities
from api.promql.features import ALL_FEATURES, Features


def test_what_is_always_there() -> None:
    named = abilities(Features())
    assert named["api"]["remote_write_receiver"]
    assert named["promql"]["at_modifier"]
    assert named["promql_functions"]["rate"]
    assert named["promql_operators"]["sum"]
    assert named["promql_operators"]["=~"]
    assert not named["prometheus"]["agent_mode"]


def test_switches_are_shown() -> None:
    off, on = abilities(Features()), abilities(ALL_FEATURES)
    places = [
        ("promql", "anchored"),
        ("promql", "fill_left"),
        ("promql", "per_step_stats"),
        ("promql", "type_and_unit_labels"),
        ("promql_functions", "mad_over_time"),
        ("promql_operators", "limitk"),
    ]
    for category, name in places:
        assert (off[category][name], on[category][name]) == (False, True), name


def test_names_are_sorted() -> None:
    named = abilities(Features())
    assert list(named) == sorted(named)
    assert all(list(names) == sorted(names) for names in named.values())
