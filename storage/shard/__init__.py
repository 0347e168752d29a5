"""A shard: one log, one series table, heads and segments, and the one writer that changes them.

Every synced sample is in a registered segment, or in the log from the catalog's position on. Begin
with `shard` (what there is), then `writer` (the order of a write) and `ingest` (what it does to a
shard), `sealing` and `recovery`.
"""
