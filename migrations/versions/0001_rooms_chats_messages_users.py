"""Rooms' positions, chats, messages, users."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The position that a room is folded up to, moved in the same transaction as the rows.
    op.execute("""
        CREATE TABLE rooms (
            room text PRIMARY KEY,
            ms bigint NOT NULL,
            seq bigint NOT NULL
        )
    """)
    # All times in Unix seconds, as the clients read them.
    op.execute("""
        CREATE TABLE users (
            id text PRIMARY KEY,
            name text NOT NULL DEFAULT '',
            email text NOT NULL DEFAULT '',
            role text NOT NULL DEFAULT 'user',
            last_active_at bigint NOT NULL DEFAULT 0,
            created_at bigint NOT NULL DEFAULT extract(epoch FROM now())::bigint
        )
    """)
    op.execute("""
        CREATE TABLE chats (
            id text PRIMARY KEY,
            user_id text NOT NULL,
            title text NOT NULL,
            tags jsonb NOT NULL,
            current_id text,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL
        )
    """)
    op.execute("CREATE INDEX chats_of_user ON chats (user_id, updated_at DESC, id)")
    # fillfactor: a streaming answer updates one row many times; free room in its page keeps them off the index.
    op.execute("""
        CREATE TABLE messages (
            chat_id text NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
            id text NOT NULL,
            ordinal bigint GENERATED ALWAYS AS IDENTITY,
            parent_id text,
            role text NOT NULL,
            content text NOT NULL,
            status_history jsonb NOT NULL,
            sources jsonb NOT NULL,
            files jsonb NOT NULL,
            embeds jsonb NOT NULL,
            code_executions jsonb NOT NULL,
            output jsonb NOT NULL,
            follow_ups jsonb NOT NULL,
            error jsonb,
            usage jsonb,
            done boolean NOT NULL,
            stopped boolean NOT NULL,
            model text,
            timestamp bigint NOT NULL,
            extra jsonb NOT NULL,
            PRIMARY KEY (chat_id, id)
        ) WITH (fillfactor = 85)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE messages, chats, users, rooms")
