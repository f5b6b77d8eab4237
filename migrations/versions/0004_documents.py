"""Documents: their states, what clients rendered of them, updates that could not be integrated."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # (ms, seq): the document's room is folded up to here. number: of its present state among its versions; none yet: 0.
    # content: as a client rendered it, with the position after which it came. updated_at: Unix ms.
    op.execute("""
        CREATE TABLE documents (
            id text PRIMARY KEY,
            epoch text NOT NULL,
            ms bigint NOT NULL,
            seq bigint NOT NULL,
            number bigint NOT NULL,
            content jsonb,
            content_ms bigint NOT NULL DEFAULT 0,
            content_seq bigint NOT NULL DEFAULT 0,
            markdown text NOT NULL DEFAULT '',
            updated_at bigint NOT NULL
        )
    """)
    # States, the present one and older ones: Yjs v1, with the state vector. at: Unix ms by the worker's clock.
    op.execute("""
        CREATE TABLE document_history (
            document text NOT NULL REFERENCES documents ON DELETE CASCADE,
            number bigint NOT NULL,
            epoch text NOT NULL,
            ms bigint NOT NULL,
            seq bigint NOT NULL,
            state bytea NOT NULL,
            vector bytea NOT NULL,
            at bigint NOT NULL,
            PRIMARY KEY (document, number)
        )
    """)
    # A state is read whole and written often: compressing it costs more than it saves.
    op.execute("ALTER TABLE document_history ALTER COLUMN state SET STORAGE EXTERNAL")
    # Updates that ended or hung the sandbox, as they came: left out of the state, with their sender.
    op.execute("""
        CREATE TABLE document_quarantine (
            document text NOT NULL REFERENCES documents ON DELETE CASCADE,
            ms bigint NOT NULL,
            seq bigint NOT NULL,
            user_id text NOT NULL,
            session text NOT NULL,
            update_bytes bytea NOT NULL,
            error text NOT NULL,
            at bigint NOT NULL,
            PRIMARY KEY (document, ms, seq)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE document_quarantine, document_history, documents")
