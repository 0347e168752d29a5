"""The file of what is done: kept, shared by several imports, refused if it is something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.importing.errors import ImportFailed
from receiver.importing.state import State


def test_positions_are_kept_by_import(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first, second = State(path, "a"), State(path, "b")
    assert first.done == {}
    first.set("u", 3)
    first.set("v", 7)
    first.save()
    second = State(path, "b")
    second.set("u", 9)
    second.save()
    assert State(path, "a").done == {"u": 3, "v": 7}
    assert State(path, "b").done == {"u": 9}
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_nothing_is_kept_without_a_file() -> None:
    state = State(None, "a")
    state.set("u", 3)
    state.save()
    assert State(None, "a").done == {}


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"u": "x"}}', '{"a": 1}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(ImportFailed, match="is no state of an import"):
        State(path, "a")
    assert path.read_text() == text


def test_a_state_that_cannot_be_written(tmp_path: Path) -> None:
    state = State(tmp_path / "missing" / "state.json", "a")
    with pytest.raises(ImportFailed, match="cannot be written"):
        state.save()
