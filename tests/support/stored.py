"""What is stored of a document, as a test sees it."""

from __future__ import annotations

from archive.database import open_pool
from archive.documents import StoredDocument
from archive.store import Archive
from cli.demo.note import text_of
from tests.support.nodes import Fleet


async def stored_document(fleet: Fleet, document_id: str) -> StoredDocument | None:
    """The newest snapshot of a document."""
    async with open_pool(fleet.database_url, max_size=1) as pool:
        return await Archive(pool).documents.stored(document_id)


async def stored_text(fleet: Fleet, document_id: str) -> str:
    """The text of the newest snapshot, "" when there is none."""
    stored = await stored_document(fleet, document_id)
    return "" if stored is None else text_of(stored.state)
