"""Segments: sealed, immutable pieces of a shard as plain Parquet, written once and read many times.

A segment is written under a temporary name, synced, renamed and only then registered; the layout is
in docs/formats/segments.md. Begin with `segment`, then `writer` and `reader`.
"""
