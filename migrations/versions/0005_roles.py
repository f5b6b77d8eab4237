"""Roles that admins give."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Whether an admin gave the role: then the role that a token claims does not change it.
    op.execute("ALTER TABLE users ADD COLUMN role_given boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE users DROP COLUMN role_given")
