"""Groups of rules that were configured over HTTP, and every change of them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configured_rules",
        sa.Column("tenant", sa.String(150), nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("change", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "name", name="pk_configured_rules"),
    )
    op.create_table(
        "rule_changes",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("tenant", sa.String(150), nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=True),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer, nullable=False),
        sa.Column("undoes", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_rule_changes"),
    )
    op.create_index(
        "ix_rule_changes_group", "rule_changes", ["tenant", "namespace", "name", "number"]
    )


def downgrade() -> None:
    op.drop_table("rule_changes")
    op.drop_table("configured_rules")
