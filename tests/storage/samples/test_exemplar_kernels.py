"""Labels of exemplars: read, checked, and turned into runs and back into columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.reasons import LABELS_INVALID
from storage.samples import exemplar_kernels as kernels
from storage.samples.exemplar_kernels import measure_runs, split_runs
from storage.samples.exemplars import Exemplars, read_exemplars
from tests.twins.storage import exemplars as naive
from tests.twins.storage.exemplars import Label, raw_exemplars, run_of
from tests.twins.wire.v1 import message

CODES = {"invalid": LABELS_INVALID, "too long": kernels.EXEMPLAR_TOO_LONG}
TEXTS = st.one_of(
    st.sampled_from([b"", b"a", b"trace_id", "é".encode(), b"\xff", b"\xe2\x82", b"\xed\xa0\x80"]),
    st.text(max_size=70).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
LABEL_SETS = st.lists(st.tuples(TEXTS, TEXTS), max_size=5)


def read_one(labels: list[Label]) -> int:
    return int(read_exemplars(raw_exemplars([(0, 1, 2, labels)]))[1][0])


@given(st.lists(LABEL_SETS, max_size=6))
def test_labels_are_read_as_the_twin_does(label_sets: list[list[Label]]) -> None:
    found, codes = read_exemplars(raw_exemplars([(i, 1, 2, s) for i, s in enumerate(label_sets)]))
    expected = [naive.checked(labels) for labels in label_sets]
    assert codes.tolist() == [CODES.get(e, kernels.OK) if isinstance(e, str) else kernels.OK
                              for e in expected]  # fmt: skip
    assert naive.plain(found) == [
        (i, 1, 2, e) for i, e in enumerate(expected) if not isinstance(e, str)
    ]


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ([], kernels.OK),
        ([(b"a", b"x" * 127)], kernels.OK),
        ([(b"a", b"x" * 128)], kernels.EXEMPLAR_TOO_LONG),
        ([(b"a", "🏛".encode() * 127)], kernels.OK),
        ([(b"a", "🏛".encode() * 128)], kernels.EXEMPLAR_TOO_LONG),
        ([(b"%d" % i, b"") for i in range(60)], kernels.OK),
        ([(b"%d" % i, b"") for i in range(1000)], kernels.EXEMPLAR_TOO_LONG),
        ([(b"a", b"x" * 100_000)], kernels.EXEMPLAR_TOO_LONG),
        ([(b"a", b""), (b"a", b"")], LABELS_INVALID),
    ],
)
def test_limits_of_label_sets(labels: list[Label], code: int) -> None:
    assert read_one(labels) == code


@pytest.mark.parametrize(
    "run",
    [
        b"\x0a\x05ab",  # longer than its message
        b"\x0a",
        b"\x0a\x03\x0a\x05a",  # a name longer than its label
        b"\x08\x01",  # a label that is a number
        b"\xff" * 11,
        message(1, message(1, b"a") + b"\x10\x01"),  # a value that is a number
    ],
)
def test_damaged_labels_are_invalid_and_no_others(run: bytes) -> None:
    good = run_of([(b"a", b"b")])
    written = [(i, 1, 2, ()) for i in range(3)]
    found, codes = read_exemplars(raw_exemplars(written, [good, run, good]))
    assert codes.tolist() == [kernels.OK, LABELS_INVALID, kernels.OK]
    assert naive.plain(found) == [(i, 1, 2, (("a", "b"),)) for i in (0, 2)]


@given(st.lists(LABEL_SETS, max_size=6), st.data())
def test_runs_become_columns(label_sets: list[list[Label]], data: st.DataObject) -> None:
    found = read_exemplars(raw_exemplars([(0, 1, 2, s) for s in label_sets]))[0]
    chosen = data.draw(st.lists(st.sampled_from(range(len(found))))) if len(found) else []
    taken = found.take(np.array(chosen, np.int64))
    assert naive.plain(taken) == [naive.plain(found)[i] for i in chosen]
    ends, names, values = split(taken)
    pairs = list(zip(names, values, strict=True))
    starts = [0, *ends]
    runs = [tuple(pairs[a:b]) for a, b in zip(starts, ends, strict=False)]
    assert runs == [labels for *_, labels in naive.plain(taken)]


def split(exemplars: Exemplars) -> tuple[list[int], list[str], list[str]]:
    """Where the labels of each exemplar end, all names and all values."""
    ends = np.empty(len(exemplars), np.int64)
    sizes = measure_runs(exemplars.offsets, exemplars.data, ends)
    count = int(ends[-1]) if len(ends) else 0
    offsets = [np.empty(count + 1, np.int64) for _ in sizes]
    texts = [np.empty(size, np.uint8) for size in sizes]
    split_runs(exemplars.offsets, exemplars.data, offsets[0], texts[0], offsets[1], texts[1])
    names, values = (
        [text[a:b].tobytes().decode() for a, b in zip(o[:-1], o[1:], strict=True)]
        for o, text in zip(offsets, texts, strict=True)
    )
    return ends.tolist(), names, values
