"""How much one socket may do to documents, and how large they may be."""

from __future__ import annotations

from dataclasses import dataclass

from app.settings import Settings
from archive.yjs.limits import Limits

STATE_BYTES_S = 1 << 20
"""Bytes of states a second that one socket is sent; it may have twice the largest document at once."""

STRUCT_BYTES = 16
"""Of a struct on average, at least, in all that an editor has. Reading takes about 200 bytes of memory for each, so a
state of the smallest ones (2 bytes) would take hundreds of times its size.
"""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """update, whole: of what one update may hold, and of a whole state that the server asked a client for.

    soft_bytes, hard_bytes: of a document: above the first it takes only deletions, above the second nothing.
    updates_s, update_bytes_s, awareness_s: rates of one socket. documents: that one session may have open.
    """

    update: Limits
    whole: Limits
    soft_bytes: int
    hard_bytes: int
    updates_s: float
    update_bytes_s: float
    documents: int
    awareness_bytes: int
    awareness_s: float


def limits_of(settings: Settings) -> DocumentLimits:
    """The limits as they are set."""
    hard = settings.document_hard_bytes
    most = hard // STRUCT_BYTES
    return DocumentLimits(
        update=Limits(bytes=settings.document_update_bytes, structs=settings.document_update_structs),
        whole=Limits(bytes=hard, structs=most, deletes=most, clients=most, values=500_000, nesting=4_096),
        soft_bytes=settings.document_soft_bytes,
        hard_bytes=hard,
        updates_s=settings.document_updates_s,
        update_bytes_s=settings.document_update_bytes_s,
        documents=settings.session_documents,
        awareness_bytes=settings.awareness_bytes,
        awareness_s=settings.awareness_s,
    )
