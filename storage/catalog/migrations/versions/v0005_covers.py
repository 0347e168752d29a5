"""What downsampled segments cover, and since when they may lack something."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = ("from_ms", "to_ms", "late_ms")


def upgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        for name in ADDED:
            segments.add_column(sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        for name in reversed(ADDED):
            segments.drop_column(name)
