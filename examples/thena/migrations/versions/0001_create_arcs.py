"""Create the table of arcs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "arcs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user", sa.String(80), nullable=False),
        sa.Column("tail", sa.String(200), nullable=False),
        sa.Column("head", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("arcs")
