"""Values that go from one process to another."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from receiver.processes.reading.packing import NotPacked, Packer, Unpacker, padded
from storage.catalog.metadata import Description
from storage.dedup.algorithm import Algorithm
from storage.histograms.columns import Natives
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup, ReplicaState
from storage.samples.hint import Purpose, SelectHint
from storage.samples.samples import Samples, Weights
from tests.makers.histograms import EXAMPLES, columns

NAN_PAYLOAD = np.array([0x7FF8_0000_0000_1234], np.uint64).view(np.float64)
OFFSETS = np.array([0, 2, 3], np.int64)
TIMES = np.array([-5, 1 << 62, 7], np.int64)
VALUES = np.array([STALE_NAN, NAN_PAYLOAD[0], -0.0])


def passed(value: object, symbols: Symbols | None = None) -> Any:
    """A value as another process has it."""
    packer = Packer(value)
    room = np.zeros(packer.bytes, np.uint8)
    packer.write(room)
    return Unpacker(packer.head, room, symbols or Symbols()).value()


def is_same(one: Any, other: Any) -> bool:
    """Equal to the bit, of the same types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if is_dataclass(one):
        return all(is_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


@pytest.mark.parametrize(
    "value",
    [
        None, True, -(1 << 63), 1.5, "", "naïve", "\udcff\udc00x", b"\xff", [], (), {},
        [("a", "b"), ("c", "d")], {"a": (1, [2]), "é": None},
        [Matcher("__name__", "=~", "a|\udc80b")], SelectHint(True, Purpose.RISES, 300_000, True),
        Algorithm.PENALTY, {"f": (Description(1, "help", "s"),)},
        Samples(OFFSETS, TIMES, VALUES),
        Samples(OFFSETS, TIMES, VALUES, TIMES, None, Weights(TIMES, TIMES)),
        Samples(np.array([0, len(EXAMPLES)]), np.arange(len(EXAMPLES)), np.zeros(len(EXAMPLES)),
                None, Natives(columns(EXAMPLES), np.arange(len(EXAMPLES), dtype=np.int32))),
        Samples(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0)),
        [ReplicaGroup({"job": "x"}, (ReplicaState({}, None, 1, 0, 5, 0, 0.5, False),), 1, 2, 3, 4,
                      5)],
    ],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_what_comes_is_what_was_sent(value: object) -> None:
    assert is_same(passed(value), value)


@pytest.mark.parametrize(
    "labelsets",
    [
        [],
        [{}],
        [{"a": "1"}, {}, {"b": "é", "a": "1"}, {"\udcfe": "\udcff"}],
        [{"n": str(n), "__name__": "x"} for n in range(5_000)],
    ],
    ids=["none", "empty", "some", "many"],
)
def test_labels_come_in_the_symbols_of_who_gets_them(labelsets: list[dict[str, str]]) -> None:
    symbols = Symbols()
    symbols.code("x")
    frame = passed(LabelFrame.from_dicts(Symbols(), labelsets), symbols)
    assert frame.symbols is symbols
    assert [frame.labelset(row) for row in range(frame.rows)] == labelsets


def test_arrays_can_be_written_to_and_are_where_processors_read_well() -> None:
    found = passed([np.arange(3, dtype=np.int8), np.arange(4.0)])
    assert [array.ctypes.data % array.itemsize for array in found] == [0, 0]
    assert all(array.flags.writeable and array.flags.c_contiguous for array in found)


def test_exemplars_come_with_their_labels() -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "b"}])
    made = ExemplarSelection(labels, OFFSETS[:2], TIMES[:2], VALUES[:2], [(("t", "1"),), ()])
    found = passed(made)
    assert found.exemplar_labels == made.exemplar_labels
    assert found.labels.labelset(0) == {"a": "b"}
    assert is_same(found.values, made.values)


@pytest.mark.parametrize(
    "tree",
    [["a", "|O", [1], 0], ["a", "<f8", [9], 0], ["r", "os.system", ["x"]], ["q", 1], [], ["a"],
     ["c", "Purpose", "nothing"]],
)  # fmt: skip
def test_what_is_no_value_is_an_error(tree: Any) -> None:
    unpacker = Unpacker(msgspec.msgpack.encode(tree), np.zeros(8, np.uint8), Symbols())
    with pytest.raises(NotPacked):
        unpacker.value()


def test_bytes_that_are_no_tree_are_an_error() -> None:
    with pytest.raises(NotPacked):
        Unpacker(b"\xc1", np.zeros(0, np.uint8), Symbols()).value()


@pytest.mark.parametrize(("size", "room"), [(0, 0), (1, 64), (64, 64), (65, 128)])
def test_room_ends_where_the_next_may_begin(size: int, room: int) -> None:
    assert padded(size) == room


def test_what_is_never_packed_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="never packed"):
        Packer(object())
    with pytest.raises(AssertionError, match="never packed"):
        Packer(np.array([object()]))
