"""Channels: members, webhooks, messages, reactions, and users' marks."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # All times in Unix nanoseconds. No foreign keys: rows are folded from rooms, each in its own order.
    op.execute("""
        CREATE TABLE channels (
            id text PRIMARY KEY,
            kind text NOT NULL,
            name text NOT NULL,
            description text NOT NULL,
            created_by text NOT NULL,
            is_private boolean NOT NULL,
            data jsonb,
            meta jsonb,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            deleted boolean NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE channel_members (
            channel_id text NOT NULL,
            user_id text NOT NULL,
            role text NOT NULL,
            joined_at bigint NOT NULL,
            PRIMARY KEY (channel_id, user_id)
        )
    """)
    op.execute("CREATE INDEX channels_of_user ON channel_members (user_id, channel_id)")
    op.execute("""
        CREATE TABLE channel_webhooks (
            channel_id text NOT NULL,
            id text NOT NULL,
            user_id text NOT NULL,
            name text NOT NULL,
            token text NOT NULL,
            created_at bigint NOT NULL,
            PRIMARY KEY (channel_id, id)
        )
    """)
    op.execute("""
        CREATE TABLE channel_messages (
            channel_id text NOT NULL,
            id text NOT NULL,
            user_id text NOT NULL,
            author jsonb,
            parent_id text,
            reply_to_id text,
            content text NOT NULL,
            data jsonb,
            meta jsonb,
            is_pinned boolean NOT NULL,
            pinned_by text,
            pinned_at bigint NOT NULL,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            deleted boolean NOT NULL,
            PRIMARY KEY (channel_id, id)
        ) WITH (fillfactor = 90)
    """)
    # A page of a channel, and of a thread: newest first.
    # COLLATE "C": the order of Python's strings, which merges the not yet folded messages in.
    op.execute("""
        CREATE INDEX channel_page ON channel_messages (channel_id, created_at, id COLLATE "C") WHERE parent_id IS NULL
    """)
    op.execute("""
        CREATE INDEX thread_page ON channel_messages (channel_id, parent_id, created_at, id COLLATE "C")
    """)
    op.execute("""
        CREATE TABLE channel_reactions (
            channel_id text NOT NULL,
            message_id text NOT NULL,
            user_id text NOT NULL,
            name text NOT NULL,
            user_name text NOT NULL,
            created_at bigint NOT NULL,
            PRIMARY KEY (channel_id, message_id, user_id, name)
        )
    """)
    # Folded from users' rooms: what a user keeps of a channel, and where to look for new memberships.
    op.execute("""
        CREATE TABLE channel_marks (
            user_id text NOT NULL,
            channel_id text NOT NULL,
            last_read_at bigint NOT NULL,
            muted boolean NOT NULL,
            PRIMARY KEY (user_id, channel_id)
        )
    """)


def downgrade() -> None:
    op.execute(
        "DROP TABLE channel_marks, channel_reactions, channel_messages, channel_webhooks, channel_members, channels"
    )
