"""Who has the catalog open, and who may write what belongs to a shard."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("directory", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("change", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
    )
    op.create_table(
        "owners",
        sa.Column("shard", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("node", sa.String(26), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shard", name="pk_owners"),
    )


def downgrade() -> None:
    op.drop_table("owners")
    op.drop_table("nodes")
