"""What is known of each view of a part; of which view a caption is."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("truth", sa.Column("views", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("captions", sa.Column("view", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("captions") as table:
        table.drop_column("view")
    with op.batch_alter_table("truth") as table:
        table.drop_column("views")
