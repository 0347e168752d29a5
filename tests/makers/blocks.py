"""Blocks in the form of Prometheus, written in plain Python: slow and simple."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.twins.storage.chunks import varint as varint_bits

ULID = "01H00000000000000000000000"


@dataclass(frozen=True)
class WrittenChunk:
    """A chunk with its times as the index states them."""

    first: int
    last: int
    encoding: int
    data: bytes


@dataclass(frozen=True)
class WrittenSeries:
    labels: Mapping[str, str]
    chunks: Sequence[WrittenChunk]
    # [(first, last)], both inclusive
    deleted: Sequence[tuple[int, int]] = ()


def varint(value: int) -> bytes:
    bits = varint_bits(value % (1 << 64))
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def signed_varint(value: int) -> bytes:
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def summed(data: bytes) -> bytes:
    return data + struct.pack(">I", crc32c(data))


def section(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + summed(content)


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def write_block(
    directory: Path, series: Sequence[WrittenSeries], *, ulid: str = ULID, **thanos: Any
) -> Path:
    """A block under a directory. thanos: the section of that name in its description."""
    block = directory / ulid
    (block / "chunks").mkdir(parents=True)
    data, refs = chunk_file(series)
    (block / "chunks" / "000001").write_bytes(data)
    index, series_refs = index_of(series, refs)
    (block / "index").write_bytes(index)
    (block / "tombstones").write_bytes(tombstones(series, series_refs))
    times = [t for s in series for c in s.chunks for t in (c.first, c.last)] or [0]
    meta: dict[str, Any] = {"ulid": ulid, "minTime": min(times), "maxTime": max(times) + 1}
    meta |= {"version": 1, "compaction": {"level": 1, "sources": [ulid]}, "stats": {}}
    if thanos:
        meta["thanos"] = thanos
    (block / "meta.json").write_text(json.dumps(meta))
    return block


def chunk_file(series: Sequence[WrittenSeries]) -> tuple[bytes, list[list[int]]]:
    out, refs = bytearray(struct.pack(">IB3x", 0x85BD40DD, 1)), []
    for one in series:
        refs.append([])
        for chunk in one.chunks:
            refs[-1].append(len(out))
            out += varint(len(chunk.data)) + summed(bytes([chunk.encoding]) + chunk.data)
    return bytes(out), refs


def tombstones(series: Sequence[WrittenSeries], refs: Sequence[int]) -> bytes:
    entries = b"".join(
        varint(ref) + signed_varint(first) + signed_varint(last)
        for one, ref in zip(series, refs, strict=True)
        for first, last in one.deleted
    )
    return struct.pack(">IB", 0x0130BA30, 1) + summed(entries)


def index_of(
    series: Sequence[WrittenSeries], chunk_refs: Sequence[Sequence[int]]
) -> tuple[bytes, list[int]]:
    """The bytes of an index, and the refs of its series."""
    symbols = sorted({t for s in series for pair in s.labels.items() for t in pair} | {""})
    numbers = {symbol: k for k, symbol in enumerate(symbols)}
    out = bytearray(struct.pack(">IB", 0xBAAAD700, 2))
    places = [len(out), 0, 0, 0, 0, 0]
    out += section(struct.pack(">I", len(symbols)) + b"".join(map(text, symbols)))
    refs = []
    for k, (one, own) in enumerate(zip(series, chunk_refs, strict=True)):
        out += bytes(-len(out) % 16)
        if k == 0:
            places[1] = len(out)
        refs.append(len(out) // 16)
        content = entry(one, own, numbers)
        out += varint(len(content)) + summed(content)
    places[4] = len(out)
    lists: dict[tuple[str, str], list[int]] = {}
    for one, ref in zip(series, refs, strict=True):
        for pair in one.labels.items():
            lists.setdefault(pair, []).append(ref)
    # That of all series is the first one elsewhere; here it comes behind some others.
    lists = dict(sorted(lists.items())) | {("", ""): refs}
    table = struct.pack(">I", len(lists))
    for (name, value), own in lists.items():
        table += b"\x02" + text(name) + text(value) + varint(len(out))
        out += section(struct.pack(f">I{len(own)}I", len(own), *own))
    places[5] = len(out)
    out += section(table)
    return bytes(out) + summed(struct.pack(">6Q", *places)), refs


def entry(series: WrittenSeries, refs: Sequence[int], numbers: Mapping[str, int]) -> bytes:
    out = varint(len(series.labels))
    for name, value in sorted(series.labels.items()):
        out += varint(numbers[name]) + varint(numbers[value])
    out += varint(len(series.chunks))
    last = ref = 0
    for k, (chunk, own) in enumerate(zip(series.chunks, refs, strict=True)):
        out += signed_varint(chunk.first) if k == 0 else varint(chunk.first - last)
        out += varint(chunk.last - chunk.first)
        out += varint(own) if k == 0 else signed_varint(own - ref)
        last, ref = chunk.last, own
    return out
