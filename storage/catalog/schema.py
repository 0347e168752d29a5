"""The tables of the catalog, as the newest migration leaves them.

Times are ms since 1970. Nothing here is particular to SQLite, so that another database can hold the
same tables. A change of this module goes together with a migration; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

# Version of the layout of the whole data directory, not of these tables: those have migrations.
DATA_FORMAT_VERSION = 1

# Constraints have names, because a later migration can only change what has one.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# Facts about the data directory that are fixed when it is made.
settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# id: counted from 1, part of every series id of the tenant, so never given twice.
tenants = Table(
    "tenants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(150), nullable=False, unique=True),
    Column("shard", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# number: the order in which segments were registered. rank: of equal samples that of the segment
# with the lowest one counts. set_aside: why the segment is not read any more, and since when; empty
# for one that is in use. from_ms, to_ms: what a downsampled one covers, the first not included;
# late_ms: since when it may lack samples that were sealed late, 0 if it lacks none.
segments = Table(
    "segments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("ulid", String(26), nullable=False, unique=True),
    Column("shard", Integer, nullable=False, index=True),
    Column("min_ms", BigInteger, nullable=False),
    Column("max_ms", BigInteger, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("series", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("resolution_ms", BigInteger, nullable=False),
    Column("exemplars", BigInteger, nullable=False, server_default="0"),
    Column("histograms", BigInteger, nullable=False, server_default="0"),
    Column("rank", BigInteger, nullable=False, server_default="0"),
    Column("set_aside", Text, nullable=False, server_default=""),
    Column("set_aside_ms", BigInteger, nullable=False, server_default="0"),
    Column("from_ms", BigInteger, nullable=False, server_default="0"),
    Column("to_ms", BigInteger, nullable=False, server_default="0"),
    Column("late_ms", BigInteger, nullable=False, server_default="0"),
)

# What is known of metric families, one row for each way in which a tenant's senders describe one.
# kind: the type, numbered as in remote write.
metric_metadata = Table(
    "metric_metadata",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tenant", Integer, nullable=False),
    Column("family", Text, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("help", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Index("ix_metric_metadata_family", "tenant", "family"),
)

# What was deleted: samples of the tenant's series that a set of matchers selects, from start_ms to
# end_ms, both inclusive. matchers: JSON, a list of sets of [name, op, value]. author: who asked for
# it, empty where no one is known. series: how many it selected; samples, segments: how many are
# gone, and how many files were rewritten for it so far; done_ms: when nothing was left to rewrite.
deletions = Table(
    "deletions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tenant", Integer, nullable=False, index=True),
    Column("matchers", Text, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger, nullable=True),
    Column("author", Text, nullable=False, server_default=""),
    Column("series", BigInteger, nullable=False, server_default="0"),
    Column("samples", BigInteger, nullable=False, server_default="0"),
    Column("segments", BigInteger, nullable=False, server_default="0"),
)

# The segments that still hold samples of a deletion: they are hidden, and to be rewritten.
pending_deletions = Table(
    "pending_deletions",
    metadata,
    Column("deletion", Integer, primary_key=True, autoincrement=False),
    Column("ulid", String(26), primary_key=True),
    Index("ix_pending_deletions_ulid", "ulid"),
)

# Segments in a bucket, in which state and since when (storage/catalog/uploads.py).
uploads = Table(
    "uploads",
    metadata,
    Column("ulid", String(26), primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

# The groups of rules that were evaluated, and the alerts of their rules (rules/ruler/saving.py).
# slot_ms: the latest time that a group was evaluated for. rule: what identifies a rule of it.
rule_groups = Table(
    "rule_groups",
    metadata,
    Column("tenant", String(150), primary_key=True),
    Column("file", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("slot_ms", BigInteger, nullable=False),
)
rule_alerts = Table(
    "rule_alerts",
    metadata,
    Column("tenant", String(150), primary_key=True),
    Column("file", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("alerts", LargeBinary, nullable=False),
)

# Groups of rules that were configured over HTTP, each as a text (rules/configuring/documents.py).
# change: the number of the change that made it so.
configured_rules = Table(
    "configured_rules",
    metadata,
    Column("tenant", String(150), primary_key=True),
    Column("namespace", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("change", Integer, nullable=False),
)

# Every change of one of them (storage/catalog/configured_rules.py). content: null where it was
# deleted. batch: the number of the first of those that were made together.
rule_changes = Table(
    "rule_changes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("tenant", String(150), nullable=False),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", Text, nullable=True),
    Column("author", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("previous", Integer, nullable=False),
    Column("undoes", Integer, nullable=False),
    Index("ix_rule_changes_group", "tenant", "namespace", "name", "number"),
)

# first_file: the first log file of the shard whose records are not in segments.
log_positions = Table(
    "log_positions",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("first_file", BigInteger, nullable=False),
)

# Processes that have the catalog open, where it is on a server (storage/catalog/owning). epoch: the
# number of its beginning, counted over all. directory: by which a process knows its own again.
# expires_ms: by the server's clock. change: its latest transaction.
nodes = Table(
    "nodes",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("directory", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("change", String(32), nullable=False, server_default=""),
)

# Who may write what belongs to a shard, and since when.
owners = Table(
    "owners",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("node", String(26), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)
