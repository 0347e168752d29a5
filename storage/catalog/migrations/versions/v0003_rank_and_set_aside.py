"""The precedence of segments, and which of them were set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        for name in ("rank", "set_aside_ms"):
            segments.add_column(sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
        segments.add_column(sa.Column("set_aside", sa.Text, nullable=False, server_default=""))
    # Until now the order of registration decided.
    op.execute("UPDATE segments SET rank = number")


def downgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        for name in ("set_aside", "set_aside_ms", "rank"):
            segments.drop_column(name)
