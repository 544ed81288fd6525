"""Online features."""

import sqlalchemy as sa
from alembic import op

from include.ledger.models import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of views and values."""
    op.create_table(
        "feature_views",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("view", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("ref", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("newest", UtcDateTime(), nullable=True),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["audit_seq"], ["audit.seq"], name=op.f("fk_feature_views_audit_seq")),
        sa.PrimaryKeyConstraint("project", "view", name=op.f("pk_feature_views")),
    )
    op.create_table(
        "feature_values",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("view", sa.String(length=200), nullable=False),
        sa.Column("entity_key", sa.Text(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("event_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "view", "entity_key", name=op.f("pk_feature_values")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("feature_values")
    op.drop_table("feature_views")
