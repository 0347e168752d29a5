"""Lists of stored texts beside those that are made of Python texts."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers import listing
from api.answers.accept import Form
from api.answers.chosen import encode_texts, encode_values
from api.answers.encoding import TRUNCATED, encode_labelsets
from api.answers.listing import by_bytes, encode_codes, warned
from api.answers.texts import dump
from storage.labels.frames import LabelFrame, Symbols
from storage.series.symbols import SymbolTable

PIECES = st.sampled_from(
    [b"a", b'"', b"\\", b"\n", b"\x1f", b"\x00", "ü".encode(), "€".encode(), "😀".encode(), b"/<&"]
) | st.binary(max_size=3)
TEXTS = st.lists(st.lists(PIECES, max_size=5).map(b"".join), max_size=12, unique=True)


def stored(texts: list[bytes]) -> tuple[Symbols, np.ndarray]:
    table = SymbolTable(1 << 20)
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    buffer = np.frombuffer(b"".join(texts) + b"\0", np.uint8)
    return Symbols(table), table.intern(buffer.copy(), starts, lengths)


def test_what_is_known_by_its_bytes_needs_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [b"v%06d" % n for n in range(5000)]
    symbols, codes = stored(texts)
    monkeypatch.setattr(Symbols, "texts", None)
    blocks = list(encode_codes(symbols, codes, limit=0))
    assert json.loads(b"".join(blocks)) == {
        "status": "success",
        "data": [text.decode() for text in texts],
    }
    limited = json.loads(b"".join(encode_codes(symbols, codes, limit=300)))
    assert limited["data"] == [text.decode() for text in texts[:300]]
    assert limited["warnings"] == [TRUNCATED]


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_all_bytes_are_written_as_elsewhere(texts: list[bytes]) -> None:
    symbols, codes = stored(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "FEW", 0)
        patch.setattr(listing, "BLOCK_BYTES", 16)
        got = b"".join(bytes(block) for block in encode_codes(symbols, codes, limit=0))
    plain = [text.decode("utf-8", "surrogateescape") for text in texts]
    assert got == b'{"status":"success","data":' + dump(plain) + b"}"


@given(st.lists(st.integers(0, 40), max_size=20))
def test_blocks_go_by_bytes(lengths: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    codes = np.arange(len(lengths), dtype=np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "BLOCK_BYTES", 50)
        parts = list(by_bytes(codes, offsets))
    assert [i for part in parts for i in range(part.start, part.stop)] == codes.tolist()
    for part in parts:
        size = sum(lengths[i] + listing.TEXT_MAX for i in range(part.start, part.stop))
        assert size <= 50 or part.stop == part.start + 1


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_values_are_limited_in_each_form(form: Form, limit: int) -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "y"}, {"a": "x"}, {"b": "z"}, {"a": "x"}])
    got = b"".join(encode_values(form, labels, "a", limit=limit))
    assert got == b"".join(encode_texts(form, "value", ["x", "y"], limit=limit))


@pytest.mark.parametrize(("limit", "own"), [(5, ["results truncated due to limit"]), (7, [])])
def test_lists_may_have_more_warnings(limit: int, own: list[str]) -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": str(i)} for i in range(7)])
    blocks = warned(encode_labelsets(labels, limit=limit), ('it is "down"',))
    got = json.loads(b"".join(blocks))
    assert (len(got["data"]), got["warnings"]) == (limit, [*own, 'it is "down"'])
