"""Which view of a part each step was taken on."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("view", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("steps") as table:
        table.drop_column("view")
