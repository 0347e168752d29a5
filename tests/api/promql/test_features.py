"""The switches by their names."""

from dataclasses import fields

import pytest

from api.promql.features import (
    ALL_FEATURES,
    DEFAULT_FEATURES,
    FEATURE_FLAGS,
    Features,
    parse_features,
)


def test_only_duration_expressions_are_on_by_default() -> None:
    on = [field.name for field in fields(Features) if getattr(DEFAULT_FEATURES, field.name)]
    assert on == ["duration_expr"]


@pytest.mark.parametrize(
    "names, expected",
    [
        ([], Features()),
        (["promql-duration-expr"], Features()),
        (["use-start-timestamps"], Features(use_start_timestamps=True)),
        (
            ["promql-experimental-functions", "promql-binop-fill-modifiers"],
            Features(experimental_functions=True, binop_fill_modifiers=True),
        ),
        (["all"], ALL_FEATURES),
        (["type-and-unit-labels", "all"], ALL_FEATURES),
    ],
)
def test_names_turn_features_on(names: list[str], expected: Features) -> None:
    assert parse_features(names) == expected


def test_every_feature_has_one_name() -> None:
    assert sorted(FEATURE_FLAGS.values()) == sorted(field.name for field in fields(Features))


@pytest.mark.parametrize("names", [["no-such-thing"], ["all", "no-such-thing"]])
def test_an_unknown_name_tells_what_is_allowed(names: list[str]) -> None:
    with pytest.raises(ValueError, match="'no-such-thing'; allowed are promql-experimental.*, all"):
        parse_features(names)
