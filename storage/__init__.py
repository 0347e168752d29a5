"""The database: everything between a decoded write request and the columns that a query gets.

From bottom to top the rooms follow a sample: `tenants` say what is allowed, `series` turn labels
into numbers, the `log` makes a request durable, the `head` keeps it in memory, `segments` on disk,
a `shard` moves it through these, and `read` brings it back, replicas merged by `dedup`.

Knows neither HTTP nor PromQL, and imports nothing of `receiver` or `api`. The rungs are in
`.importlinter`. Begin with `database`, then `shard.shard` and `shard.writer`.
"""
