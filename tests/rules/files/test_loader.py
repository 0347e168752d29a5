"""Files of rules, loaded: every field, and what ends the loading."""

from pathlib import Path

import pytest

from rules.files import loader
from rules.files.loader import Loaded, load, load_file
from rules.groups import Group, Rule

FULL = """
groups:
  - name: g
    interval: 30s
    query_offset: 0s
    limit: 10
    labels: {team: a, zone: z}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {team: b}
      - &alert
        alert: Down
        expr: |
          up == 0
        for: 5m
        keep_firing_for: 1m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.job }}"}
      - <<: *alert
        alert: Down2
  - name: h
---
ignored: true
"""
DOWN = Rule(
    "up == 0\n",
    alert="Down",
    for_ms=300_000,
    keep_firing_ms=60_000,
    labels={"severity": "page"},
    annotations={"summary": "{{ $labels.job }}"},
)


def test_every_field() -> None:
    loaded = load(FULL.encode(), "f.yml")
    assert loaded.errors == ()
    assert loaded.is_followed
    group, other = loaded.groups
    recorded, down, down2 = group.rules
    assert group == Group(
        "g", "f.yml", 30_000, 0, 10, {"team": "a", "zone": "z"}, (recorded, down, down2)
    )
    assert recorded == Rule("sum by (job) (up)", record="job:up:sum", labels={"team": "b"})
    assert down == DOWN
    assert (down2.alert, down2.expr, down2.for_ms) == ("Down2", DOWN.expr, DOWN.for_ms)
    assert other == Group("h", "f.yml")
    assert (group.key, other.query_offset_ms) == ("f.yml;g", None)
    assert group.labels_of(recorded) == {"team": "b", "zone": "z"}


@pytest.mark.parametrize("content", [b"", b"groups:\n", b"groups: []", b"{}"])
def test_a_file_may_be_empty(content: bytes) -> None:
    assert load(content) == Loaded()


def test_validation_is_not_asked_of_what_could_not_be_decoded() -> None:
    loaded = load(b"groups:\n- name: ''\n  foo: 1\n- name: a\n  rules: [{foo: 1}]\n")
    assert loaded.errors == (
        "yaml: unmarshal errors:\n"
        "  line 3: field foo not found in type rulefmt.RuleGroup\n"
        "  line 5: field foo not found in type rulefmt.Rule",
    )
    assert loaded.groups == ()


def test_errors_point_to_where_things_stand() -> None:
    content = b"groups:\n- name: a\n  rules:\n  - record: r\n    expr: sum(\n- name: a\n"
    assert load(content).errors == (
        '5:11: group "a", rule 1, "r": could not parse expression: '
        "1:5: parse error: unclosed left parenthesis",
        '6:3: groupname: "a" is repeated in the same file',
    )


def test_nothing_stands_for_a_rule_that_is_null() -> None:
    loaded = load(b"groups:\n- ~\n- name: a\n  rules: [~, {record: r, expr: up}]\n")
    assert loaded.errors == ()
    assert [len(group.rules) for group in loaded.groups] == [1]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yml"
    path.write_text("groups:\n- name: ''\n")
    assert load_file(path).errors == (f"{path}: 2:3: Groupname must not be empty",)
    missing = tmp_path / "none.yml"
    wanted = f"{missing}: open {missing}: no such file or directory"
    assert load_file(missing).errors == (wanted,)
    monkeypatch.setattr(loader, "FILE_BYTES_MAX", 5)
    assert "are more than the 5 of a file" in load_file(path).errors[0]


def test_unknown_fields_may_be_ignored() -> None:
    content = b"groups:\n- name: a\n  source_tenants: [b]\n"
    assert load(content, ignores_unknown=True).groups == (Group("a"),)


EXTENDED = """
groups:
  - name: g
    source_tenants: [b, a, b]
    evaluation_delay: 1m
    align_evaluation_time_on_interval: true
  - name: h
    evaluation_delay: 1m
    query_offset: 2m
"""


def test_fields_of_another_ruler_are_read_where_they_are_allowed() -> None:
    loaded = load(EXTENDED.encode(), is_extended=True)
    assert loaded.errors == ()
    assert loaded.groups == (
        Group("g", query_offset_ms=60_000, source_tenants=("a", "b"), is_aligned=True),
        Group("h", query_offset_ms=120_000),
    )
    (error,) = load(EXTENDED.encode()).errors
    assert error.count("not found in type rulefmt.RuleGroup") == 4
