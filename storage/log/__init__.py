"""The write-ahead log: what makes a write durable before it is acknowledged.

A log keeps requests as they were received, so replay is the same code as ingest. After a failed
sync it refuses every further append. The bytes are drawn in docs/formats/wal.md. Begin with `wal`.
"""
