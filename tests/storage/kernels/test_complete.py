"""A mark says that all kernels are compiled, and no mark says it of others than these."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from storage.kernels import complete
from storage.kernels.complete import compiling_alone, is_complete, mark_complete
from storage.kernels.jit import Kernel

FACTOR = 2


def twice(number: int) -> int:
    return FACTOR * number


def half(number: float) -> float:
    return number / FACTOR


def kernels() -> list[Kernel]:
    """Declared and not compiled, which no mark needs them to be."""
    return [Kernel(function, targetoptions={"nopython": True}) for function in (twice, half)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(complete, "directories", lambda source: [tmp_path / "kept"])
    monkeypatch.setattr(
        complete, "places", lambda source: [tmp_path / "kept", tmp_path / "shipped"]
    )
    return tmp_path


def mark(folder: Path) -> Path:
    (found,) = (folder / "kept").glob("*.mark")
    return found


def test_a_mark_is_found_again(folder: Path) -> None:
    assert not is_complete(kernels())
    assert mark_complete(kernels())
    assert is_complete(kernels())


def test_a_mark_of_fewer_kernels_is_enough_for_those_that_it_knows(folder: Path) -> None:
    assert mark_complete(kernels()[:1])
    assert is_complete(kernels())


@pytest.mark.parametrize("content", ["", "{}", "nonsense", "\x00"])
def test_a_damaged_mark_is_none(folder: Path, content: str) -> None:
    mark_complete(kernels())
    mark(folder).write_text(content)
    assert not is_complete(kernels())


def test_a_mark_of_other_kernels_is_none(folder: Path) -> None:
    mark_complete(kernels())
    known = json.loads(mark(folder).read_text())
    mark(folder).write_text(json.dumps({name: "other" for name in known}))
    assert not is_complete(kernels())


def test_a_mark_for_another_processor_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete.cache, "processor", lambda codegen: "another")
    mark_complete(kernels())
    assert not is_complete(kernels())


def test_a_mark_for_any_processor_will_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete, "processors", lambda codegen: ["this", "any"])
    monkeypatch.setattr(complete.cache, "processor", lambda codegen: "any")
    mark_complete(kernels())
    assert is_complete(kernels())
    assert not is_complete(kernels(), own_only=True)


def test_a_mark_of_a_package_will_do(folder: Path) -> None:
    mark_complete(kernels())
    (folder / "kept").rename(folder / "shipped")
    assert is_complete(kernels())


def test_where_nothing_can_be_written_nothing_is_marked(folder: Path) -> None:
    (folder / "kept").write_text("no directory")
    assert not mark_complete(kernels())


def test_one_compiles_at_a_time(folder: Path) -> None:
    with compiling_alone() as first:
        assert first
        with compiling_alone() as second:
            assert not second
    with compiling_alone() as again:
        assert again


def test_where_nothing_can_be_locked_everyone_compiles(folder: Path) -> None:
    (folder / "kept").write_text("no directory")
    with compiling_alone() as alone:
        assert alone


def test_what_a_kernel_reads_is_part_of_its_mark(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stamps are kept by function: other functions with the same name are other kernels."""
    mark_complete(kernels())
    (other,) = kernels()[:1]
    other.py_func = lambda number: np.int64(number)
    other.py_func.__qualname__ = twice.__qualname__
    other.__qualname__, other.__module__ = twice.__qualname__, twice.__module__
    assert not is_complete([other])
