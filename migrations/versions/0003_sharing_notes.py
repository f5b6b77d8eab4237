"""Access grants, what users have read of chats, deleted chats, notes."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A deleted chat keeps its row, without content: what is appended to it later must not bring it back.
    op.execute("ALTER TABLE chats ADD COLUMN deleted boolean NOT NULL DEFAULT false")
    # Who may read ('read') or also write ('write') what is another user's: room is chat:{id} or note:{id}.
    op.execute("""
        CREATE TABLE grants (
            room text NOT NULL,
            user_id text NOT NULL,
            permission text NOT NULL,
            PRIMARY KEY (room, user_id)
        )
    """)
    # last_read_at in Unix seconds.
    op.execute("""
        CREATE TABLE chat_marks (
            user_id text NOT NULL,
            chat_id text NOT NULL,
            last_read_at bigint NOT NULL,
            PRIMARY KEY (user_id, chat_id)
        )
    """)
    # Times in Unix nanoseconds, as Open WebUI has them for notes.
    op.execute("""
        CREATE TABLE notes (
            id text PRIMARY KEY,
            user_id text NOT NULL,
            title text NOT NULL,
            data jsonb,
            meta jsonb,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            deleted boolean NOT NULL
        )
    """)
    # The notes that a user may find in its list, from the user's own room.
    op.execute("""
        CREATE TABLE note_marks (
            user_id text NOT NULL,
            note_id text NOT NULL,
            marked_at bigint NOT NULL,
            PRIMARY KEY (user_id, note_id)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE note_marks, notes, chat_marks, grants")
    op.execute("ALTER TABLE chats DROP COLUMN deleted")
