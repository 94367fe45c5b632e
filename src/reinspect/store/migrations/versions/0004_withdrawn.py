"""A reviewer may take a review back: a row without a verdict."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reviews") as table:
        table.alter_column("after", existing_type=sa.Text(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM reviews WHERE after IS NULL")
    with op.batch_alter_table("reviews") as table:
        table.alter_column("after", existing_type=sa.Text(), nullable=False)
