"""Blocks read in place: series and samples as plain Python finds them, and what damage costs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.stores.bucket import block as blocks
from receiver.stores.bucket import postings
from receiver.stores.errors import LyingStore, StoreError
from receiver.stores.limits import AnswerLimits
from storage.labels.matchers import Matcher
from tests.makers.blocks import ULID, WrittenChunk, WrittenSeries, write_block
from tests.makers.buckets.blocks import ALWAYS, Found, damage, found_in, reader_of
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, A, B, chunk, series

OUTER = {"labels": {"cluster": "eu", "l": "outer", "__shard__": "1"}}
NAMED = Matcher("__name__", "!=", "")
TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, text: value == text,
    "!=": lambda value, text: value != text,
    "=~": lambda value, text: re.fullmatch(text, value) is not None,
    "!~": lambda value, text: re.fullmatch(text, value) is None,
}


def read(bucket: Path, *matchers: Matcher, **more: object) -> tuple[Found, list[str]]:
    reader = reader_of(bucket, *matchers, **more)  # type: ignore[arg-type]
    found = found_in(reader.read())
    return found, list(reader.said())


def test_series_and_samples(tmp_path: Path) -> None:
    write_block(tmp_path, WRITTEN)
    assert read(tmp_path, NAMED) == ({A: FIRST + SECOND, B: FIRST}, [])
    assert read(tmp_path) == ({A: FIRST + SECOND, B: FIRST}, [])
    assert read(tmp_path, NAMED, span=(2000, 3000)) == (
        {A: [FIRST[1], SECOND[0]], B: FIRST[1:]},
        [],
    )
    assert read(tmp_path, NAMED, span=(2500, 2600)) == ({}, [])
    assert read(tmp_path, Matcher("none", "=", "x")) == ({}, [])
    only_labels, _ = read(tmp_path, NAMED, span=(3000, 3000), with_samples=False)
    assert only_labels == {A: []}


def test_external_labels_are_added_in_place_of_own_ones(tmp_path: Path) -> None:
    write_block(tmp_path, WRITTEN, **OUTER)
    outer = (("__name__", "a"), ("cluster", "eu"), ("l", "outer"))
    found, _ = read(tmp_path, Matcher("__name__", "=", "a"), Matcher("cluster", "=", "eu"))
    assert found == {outer: FIRST + SECOND}
    # What a series had of that name is not there any more.
    assert read(tmp_path, Matcher("l", "=", "é"))[0] == {}
    assert read(tmp_path, Matcher("l", "=~", "out.*"), Matcher("__name__", "=", "a"))[0] == found


def test_deleted_samples_are_not_read(tmp_path: Path) -> None:
    write_block(tmp_path, [series("a", FIRST, SECOND, deleted=[(1500, 3000)], l="é")])
    assert read(tmp_path, NAMED)[0] == {A: [FIRST[0], SECOND[1]]}


def labelsets(seed: int) -> list[dict[str, str]]:
    choose = random.Random(seed)
    found = {
        tuple(
            (name, choose.choice(values))
            for name, values in (
                ("__name__", "ab"),
                ("x", "pqrs"),
                ("y", "pq"),
                ("zone", "1234567"),
            )
            if name == "__name__" or choose.random() < 0.7
        )
        for _ in range(120)
    }
    return [dict(each) for each in sorted(found)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("small", [postings.SMALL_BYTES, 0])
def test_matchers_as_plain_python_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, small: int
) -> None:
    """Whether lists are read that are long beside what is left, or labels are tried instead."""
    monkeypatch.setattr(postings, "SMALL_BYTES", small)
    monkeypatch.setattr(postings, "SERIES_BYTES", postings.SERIES_BYTES if small else 2)
    monkeypatch.setattr(blocks, "AT_ONCE", 30)
    own = labelsets(seed)
    points = {k: [(k, float(k)), (k + 100, k + 0.5)] for k in range(len(own))}
    write_block(tmp_path, [WrittenSeries(o, [chunk(points[k])]) for k, o in enumerate(own)])
    choose = random.Random(seed)
    for _ in range(25):
        matchers = [
            Matcher(choose.choice(["x", "y", "zone", "none", "__name__"]), op,
                choose.choice(["p", "q", "", "p|q", ".+", ".*", "[1-4]", "a"]))
            for op in choose.choices(list(TESTS), k=choose.randint(0, 3))
        ]  # fmt: skip
        expected = {
            tuple(sorted(labels.items())): points[k]
            for k, labels in enumerate(own)
            if all(TESTS[m.op](labels.get(m.name, ""), m.value) for m in matchers)
        }
        assert read(tmp_path, *matchers) == (expected, []), matchers


def test_long_entries_and_chunks_are_fetched_whole(tmp_path: Path) -> None:
    """Longer than what is fetched at first, over several pages."""
    points = [(k * 10, k * 1.37) for k in range(3_000)]
    long = [series("m", points, label="v" * 100_000), series("n", FIRST, SECOND)]
    write_block(tmp_path, long)
    found, said = read(tmp_path, NAMED)
    assert found == {
        (("__name__", "m"), ("label", "v" * 100_000)): points,
        (("__name__", "n"),): FIRST + SECOND,
    }
    assert said == []


def test_damage_costs_what_is_damaged(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN)
    data = (block / "chunks" / "000001").read_bytes()
    damage(block / "chunks" / "000001", len(data) // 2)
    found, said = read(tmp_path, NAMED)
    assert sum(map(len, found.values())) == 4
    (text,) = said
    assert text.startswith("1 of its chunks are lost, such as chunk at byte ")
    assert text.endswith(" of chunks/000001: whose checksum is wrong")


def test_a_damaged_entry_costs_its_series(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN)
    index = (block / "index").read_bytes()
    reader = reader_of(tmp_path, NAMED)
    header = reader.kept.headers.of(ULID, len(index))
    assert header.names.keys() == {"", "__name__", "l"}
    # The entry of the second series is the last thing before the lists.
    damage(block / "index", header.series_end - 6)
    found, said = read(tmp_path, NAMED)
    assert found == {A: FIRST + SECOND}
    (text,) = said
    assert text.startswith("1 of its series are lost, such as entry ")


def cut_index(block: Path) -> None:
    (block / "index").write_bytes((block / "index").read_bytes()[:-3])


def no_index(block: Path) -> None:
    (block / "index").unlink()


def short_index(block: Path) -> None:
    (block / "index").write_bytes(b"x")


def wrong_symbols(block: Path) -> None:
    damage(block / "index", 12)


def wrong_lists(block: Path) -> None:
    content = (block / "index").read_bytes()
    damage(block / "index", content.rindex(b"\x02\x08__name__") + 4)


def wrong_list(block: Path) -> None:
    index = (block / "index").read_bytes()
    header = reader_of(block.parent, NAMED).kept.headers.of(ULID, len(index))
    first, end = header.names["__name__"]
    for row in range(first, end):
        damage(block / "index", int(header.rows[row, 4]) + 9)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (cut_index, "table of contents"),
        (short_index, "its index has 1 bytes"),
        (no_index, "it has no index"),
        (wrong_symbols, "symbols"),
        (wrong_lists, "offsets of postings"),
        (wrong_list, "list of series at byte"),
    ],
)
def test_a_damaged_index_costs_the_block(
    tmp_path: Path, change: Callable[[Path], None], text: str
) -> None:
    change(write_block(tmp_path, WRITTEN))
    with pytest.raises(StoreError, match=text):
        read(tmp_path, Matcher("__name__", "=", "a"))


def test_a_chunk_file_that_is_not_there_costs_its_chunks(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN)
    (block / "chunks" / "000001").unlink()
    found, said = read(tmp_path, NAMED)
    assert found == {}
    assert said[0].startswith("3 of its chunks are lost, such as chunk at byte 8 of chunks/000001")


def test_random_damage_never_ends_otherwise(tmp_path: Path) -> None:
    """Whatever byte is changed or cut off: what was written, less of it, or a StoreError."""
    sound = {A: FIRST + SECOND, B: FIRST}
    block = write_block(tmp_path, WRITTEN)
    choose = random.Random(7)
    for _ in range(120):
        path = block / choose.choice(["index", "chunks/000001", "tombstones"])
        content = path.read_bytes()
        if choose.random() < 0.3:
            path.write_bytes(content[: choose.randrange(len(content))])
        else:
            damage(path, choose.randrange(len(content)))
        try:
            found, _ = read(tmp_path, NAMED)
            assert all(set(points) <= set(sound[key]) for key, points in found.items())
        except StoreError:
            pass
        path.write_bytes(content)
    assert read(tmp_path, NAMED)[0] == sound


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (AnswerLimits(1 << 20, 1, 99, 99), "stores.max-series"),
        (AnswerLimits(1 << 20, 9, 2, 99), "stores.max-chunks"),
        (AnswerLimits(1 << 20, 9, 9, 3), "stores.max-samples"),
        (AnswerLimits(30, 9, 9, 99), "stores.max-bytes"),
    ],
)
def test_limits(tmp_path: Path, limits: AnswerLimits, text: str) -> None:
    write_block(tmp_path, WRITTEN)
    with pytest.raises(LyingStore, match=re.escape(text)):
        read(tmp_path, NAMED, limits=limits)


def test_who_waits_for_too_long_has_nothing(tmp_path: Path) -> None:
    write_block(tmp_path, WRITTEN)
    with pytest.raises(StoreError, match="stores.timeout"):
        read(tmp_path, NAMED, is_late=lambda: True)


def test_a_block_that_goes_away(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN)
    reader = reader_of(tmp_path, NAMED)
    (block / "index").unlink()
    with pytest.raises(StoreError, match="it was deleted while it was read"):
        reader.read()


def test_chunks_of_other_encodings_are_said(tmp_path: Path) -> None:
    odd = WrittenSeries({"__name__": "odd"}, [WrittenChunk(1, 2, 9, b"xyz")])
    write_block(tmp_path, [odd, *WRITTEN])
    found, said = read(tmp_path, NAMED, span=ALWAYS)
    assert len(found) == 2
    assert "its encoding is none of XOR, histogram and float histogram" in said[0]
