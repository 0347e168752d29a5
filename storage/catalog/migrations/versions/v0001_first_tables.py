"""The first tables: settings, tenants, segments, log positions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(150), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )
    op.create_table(
        "segments",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("ulid", sa.String(26), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("min_ms", sa.BigInteger, nullable=False),
        sa.Column("max_ms", sa.BigInteger, nullable=False),
        sa.Column("samples", sa.BigInteger, nullable=False),
        sa.Column("series", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("resolution_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_segments"),
        sa.UniqueConstraint("ulid", name="uq_segments_ulid"),
    )
    op.create_index("ix_segments_shard", "segments", ["shard"])
    op.create_table(
        "log_positions",
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("first_file", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_log_positions"),
    )


def downgrade() -> None:
    for name in ("log_positions", "segments", "tenants", "settings"):
        op.drop_table(name)
