"""What was deleted, and the segments that are to be rewritten for it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    counts = [
        sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        for name in ("series", "samples", "segments")
    ]
    op.create_table(
        "deletions",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("tenant", sa.Integer, nullable=False),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("done_ms", sa.BigInteger, nullable=True),
        sa.Column("author", sa.Text, nullable=False, server_default=""),
        *counts,
        sa.PrimaryKeyConstraint("number", name="pk_deletions"),
    )
    op.create_index("ix_deletions_tenant", "deletions", ["tenant"])
    op.create_table(
        "pending_deletions",
        sa.Column("deletion", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("ulid", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("deletion", "ulid", name="pk_pending_deletions"),
    )
    op.create_index("ix_pending_deletions_ulid", "pending_deletions", ["ulid"])


def downgrade() -> None:
    op.drop_table("pending_deletions")
    op.drop_table("deletions")
