"""What is held against the truth, in an index of its own: rows are wide."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SAID = "ix_inspections_run_id_image_label_first_label_disposition"


def upgrade() -> None:
    columns = ["run_id", "image", "label", "first_label", "disposition"]
    op.create_index(_SAID, "inspections", columns)


def downgrade() -> None:
    op.drop_index(_SAID, table_name="inspections")
