"""The same synthetic series as remote-write 2.0 bodies: each text once, series as references to it.

A sample takes the same bytes as in 1.0, field number included, so the scrapes are written over the
template in the same way.
"""

from collections.abc import Sequence
from dataclasses import replace

from bodies import CPU_COUNTERS, SAMPLE_BYTES, Labels, varint

CONTENT_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
SYMBOL_TAG, SERIES_TAG, REFERENCES_TAG = b"\x22", b"\x2a", b"\x0a"  # fields 4 and 5; field 1 within


def symbol_parts(labelsets: Sequence[Labels]) -> tuple[bytes, list[bytes]]:
    """The symbols of a body, the empty one first, and each of its series up to its one sample."""
    symbols = {"": 0}
    prefixes = []
    for labels in labelsets:
        texts = [text for pair in labels for text in pair]
        references = b"".join(varint(symbols.setdefault(text, len(symbols))) for text in texts)
        field = REFERENCES_TAG + varint(len(references)) + references
        prefixes.append(SERIES_TAG + varint(len(field) + SAMPLE_BYTES) + field)
    raw = [text.encode() for text in symbols]
    return b"".join(SYMBOL_TAG + varint(len(text)) + text for text in raw), prefixes


SYMBOL_CPU_COUNTERS = replace(CPU_COUNTERS, name="synthetic-2", parts=symbol_parts)
