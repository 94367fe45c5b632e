"""What the console looks up by: indexes, the label of a review, the draft of a caption."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_inspections_reliability", "inspections", ["reliability"])
    op.create_index(
        "ix_inspections_disposition_reliability", "inspections", ["disposition", "reliability"]
    )
    op.create_index("ix_inspections_types", "inspections", ["types"])
    op.add_column("reviews", sa.Column("label", sa.String(), nullable=True))
    _label_old_reviews()
    with op.batch_alter_table("reviews") as table:
        table.alter_column("label", existing_type=sa.String(), nullable=False)
    with op.batch_alter_table("captions") as table:
        table.add_column(sa.Column("origin", sa.Integer(), nullable=True))
        table.create_foreign_key("fk_captions_origin", "captions", ["origin"], ["id"])
        table.create_index("ix_captions_origin", ["origin"])


def _label_old_reviews() -> None:
    table = sa.table("reviews", sa.column("id"), sa.column("after"), sa.column("label"))
    connection = op.get_bind()
    for key, after in connection.execute(sa.select(table.c.id, table.c.after)).all():
        label = json.loads(after)["label"]
        connection.execute(sa.update(table).where(table.c.id == key).values(label=label))


def downgrade() -> None:
    with op.batch_alter_table("captions") as table:
        table.drop_index("ix_captions_origin")
        table.drop_constraint("fk_captions_origin", type_="foreignkey")
        table.drop_column("origin")
    with op.batch_alter_table("reviews") as table:
        table.drop_column("label")
    op.drop_index("ix_inspections_types", table_name="inspections")
    op.drop_index("ix_inspections_disposition_reliability", table_name="inspections")
    op.drop_index("ix_inspections_reliability", table_name="inspections")
