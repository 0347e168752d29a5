"""Which blocks of a directory or a bucket are imported."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from receiver.importing.parts import Report, Span
from receiver.importing.tsdb.block import Meta
from receiver.importing.tsdb.files import BlockFiles


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block that is not open yet."""

    meta: Meta
    files: BlockFiles


def chosen(found: Sequence[FoundBlock], report: Report, span: Span) -> list[FoundBlock]:
    """Those that are imported, the oldest first.

    A block of aggregates is not: its samples are no samples. It is a loss only where there is no
    raw block of its stream for some of its time.
    """
    found = sorted(found, key=lambda block: (block.meta.start_ms, block.meta.ulid))
    live = [block for block in found if not block.meta.is_deleted]
    if len(live) < len(found):
        report.note(f"{len(found) - len(live)} blocks are marked for deletion: left out")
    raw = [block for block in live if block.meta.resolution_ms == 0]
    aggregates = [block.meta for block in live if block.meta.resolution_ms != 0]
    report_aggregates(aggregates, [block.meta for block in raw], report)
    superseded = superseded_by_others([block.meta for block in raw])
    if superseded:
        report.note(f"{len(superseded)} blocks were compacted to others that are there: left out")
    return [
        block
        for block in raw
        if block.meta.ulid not in superseded
        and block.meta.start_ms <= span.end_ms
        and block.meta.end_ms > span.start_ms
    ]


def report_aggregates(aggregates: Sequence[Meta], raw: Sequence[Meta], report: Report) -> None:
    if aggregates:
        report.note(
            f"{len(aggregates)} downsampled blocks are left out: only raw samples are imported"
        )
    for meta in aggregates:
        for start, end in uncovered(meta, raw):
            report.lose(
                "downsampled blocks of times without raw samples", 1,
                f"block {meta.ulid}: resolution {meta.resolution_ms} ms, times {start} to {end}",
            )  # fmt: skip


def superseded_by_others(metas: Collection[Meta]) -> set[str]:
    """ULIDs of blocks of which all that they were made of is also in another block of the stream:
    a compactor has not deleted them yet."""
    streams: dict[tuple[object, ...], list[Meta]] = {}
    for meta in metas:
        key = (meta.resolution_ms, *sorted(meta.labels.items()))
        streams.setdefault(key, []).append(meta)
    found = set()
    for stream in streams.values():
        larger = [meta for meta in stream if len(meta.sources) > 1]
        for meta in stream:
            if meta.sources and any(meta.sources < other.sources for other in larger):
                found.add(meta.ulid)
    return found


def uncovered(meta: Meta, raw: Sequence[Meta]) -> list[tuple[int, int]]:
    """The time of a block for which there is no raw block of its stream: at most one range, from
    the first such time to the last."""
    gaps = []
    at = meta.start_ms
    for other in sorted(raw, key=lambda m: m.start_ms):
        if other.labels != meta.labels:
            continue
        if other.start_ms > at:
            gaps.append((at, min(other.start_ms, meta.end_ms)))
        at = max(at, other.end_ms)
        if at >= meta.end_ms:
            break
    if at < meta.end_ms:
        gaps.append((at, meta.end_ms))
    gaps = [(start, end) for start, end in gaps if start < end]
    return [(gaps[0][0], gaps[-1][1])] if gaps else []
