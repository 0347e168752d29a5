"""How many exemplars and native histograms segments have; the metadata of metric families."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("segments") as segments:
        for name in ("exemplars", "histograms"):
            segments.add_column(sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "metric_metadata",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("tenant", sa.Integer, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("help", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_metric_metadata"),
    )
    op.create_index("ix_metric_metadata_family", "metric_metadata", ["tenant", "family"])


def downgrade() -> None:
    op.drop_table("metric_metadata")
    with op.batch_alter_table("segments") as segments:
        for name in ("histograms", "exemplars"):
            segments.drop_column(name)
