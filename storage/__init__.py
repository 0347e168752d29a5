"""The database: write-ahead log, head, series index, segments, catalog, dedup, retention.

Knows neither HTTP nor PromQL, and imports nothing of `receiver` or `api`. Reading order:
`database` -> `shard` -> `head` -> `segment`.
"""
