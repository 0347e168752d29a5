"""What groups of rules have done, and the alerts of their rules."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_groups",
        sa.Column("tenant", sa.String(150), nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("slot_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "file", "name", name="pk_rule_groups"),
    )
    op.create_table(
        "rule_alerts",
        sa.Column("tenant", sa.String(150), nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("alerts", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "file", "name", "rule", name="pk_rule_alerts"),
    )


def downgrade() -> None:
    op.drop_table("rule_alerts")
    op.drop_table("rule_groups")
