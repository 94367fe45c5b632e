"""What was inspected once, and is kept no longer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pruned",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("image", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_pruned_run_id"),
        sa.PrimaryKeyConstraint("run_id", "image", "sha256", name="pk_pruned"),
    )


def downgrade() -> None:
    op.drop_table("pruned")
