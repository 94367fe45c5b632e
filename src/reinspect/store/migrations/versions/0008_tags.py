"""Of which line a run is, and other tags; inspections by time."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BY_TIME = "ix_inspections_at_run_id_category_disposition_seconds"


def upgrade() -> None:
    op.add_column("runs", sa.Column("tags", sa.Text(), nullable=False, server_default="{}"))
    op.create_index(_BY_TIME, "inspections", ["at", "run_id", "category", "disposition", "seconds"])


def downgrade() -> None:
    op.drop_index(_BY_TIME, table_name="inspections")
    op.drop_column("runs", "tags")
