"""The hash of label sets, against the xxhash library over plainly written bytes."""

import numpy as np
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations.label_hash import hash_rows, xxh64
from storage.labels.frames import LabelFrame, Symbols


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_xxh64(data: bytes) -> None:
    assert int(xxh64(np.frombuffer(data, np.uint8).copy())) == xxhash.xxh64_intdigest(data)


def naive_bytes(labelset: dict[str, str]) -> bytes:
    out = b""
    for text in (part for pair in sorted(labelset.items()) for part in pair):
        data = text.encode()
        size = bytes((len(data),)) if len(data) < 255 else b"\xff" + len(data).to_bytes(3, "little")
        out += size + data
    return out


TEXTS = st.sampled_from(["x", "ü", "y" * 254, "z" * 255, "longer " * 100])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "bb", "__name__"]), TEXTS), max_size=5))
def test_hash_rows(labelsets: list[dict[str, str]]) -> None:
    frame = LabelFrame.from_dicts(Symbols(), labelsets)
    expected = [xxhash.xxh64_intdigest(naive_bytes(labelset)) for labelset in labelsets]
    assert hash_rows(frame).tolist() == expected
