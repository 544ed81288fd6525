"""Notes on assets."""

import sqlalchemy as sa
from alembic import op

from include.ledger.models import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "asset_notes",
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["audit_seq"], ["audit.seq"], name=op.f("fk_asset_notes_audit_seq")),
        sa.PrimaryKeyConstraint("asset", name=op.f("pk_asset_notes")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("asset_notes")
