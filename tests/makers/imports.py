"""What a source gives, and imports into databases, with plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from receiver.cli import main
from receiver.importing.parts import Part, Source
from storage.labels.matchers import Matcher
from storage.tenants.tenant import DEFAULT_TENANT
from tests.makers.bodies.v1 import fields_of
from tests.makers.databases import Points, opened, read

Found = dict[tuple[tuple[str, str], ...], Points]


def found_in(parts: Sequence[Part]) -> Found:
    """Labels -> [(time, value)] of parts without histograms."""
    found: Found = {}
    for part in parts:
        if part.columns is None:
            continue
        c = part.columns
        for k in range(c.series_count):
            content = c.label_bytes[c.label_offsets[k] : c.label_offsets[k + 1]].tobytes()
            labels = labels_of(content)
            own = slice(c.samples.offsets[k], c.samples.offsets[k + 1])
            times, values = c.samples.timestamps[own], c.samples.values[own]
            points = list(zip(times.tolist(), values.tolist(), strict=True))
            found.setdefault(labels, []).extend(points)
    return found


def labels_of(fields: bytes) -> tuple[tuple[str, str], ...]:
    """Label fields as sorted pairs."""
    pairs = []
    for number, content in fields_of(fields):
        assert number == 1 and isinstance(content, bytes)
        texts = [text for _, text in fields_of(content) if isinstance(text, bytes)]
        pairs.append((texts[0].decode(), texts[1].decode()))
    return tuple(sorted(pairs))


def parts_of(source: Source, done: Mapping[str, int] | None = None) -> list[Part]:
    return list(source.parts(done or {}))


def imported(path: Path, *arguments: str, expect: int = 0) -> Found:
    """What a data directory holds after `cupola import` with these arguments."""
    assert main(["import", "--storage.path", str(path), *KEPT, *arguments]) == expect
    return stored(path)


# Everything is accepted, whatever its time.
KEPT = ("--storage.retention", "0", "--storage.shards", "1")


def stored(path: Path, tenant: str = DEFAULT_TENANT) -> Found:
    with opened(path) as database:
        return read(database, Matcher("__name__", "!=", ""), tenant=tenant)
