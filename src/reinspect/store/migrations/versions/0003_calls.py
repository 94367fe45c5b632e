"""When each step began and which tool it was; the texts that models were asked."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("tool", sa.Text(), nullable=True))
    op.add_column("steps", sa.Column("started", sa.DateTime(), nullable=True))
    op.create_table(
        "prompts",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_prompts"),
    )


def downgrade() -> None:
    op.drop_table("prompts")
    with op.batch_alter_table("steps") as table:
        table.drop_column("started")
        table.drop_column("tool")
