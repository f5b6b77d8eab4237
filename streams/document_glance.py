"""What the log says of a document at a glance: for operators."""

from __future__ import annotations

from dataclasses import dataclass

from streams.keys import Keys
from streams.link import Client, retrying


@dataclass(frozen=True, slots=True)
class DocumentGlance:
    """epoch: of its history. bytes: of the state and the updates that are not folded; updates, update_bytes: of those.

    due_ms: Unix ms when it is to be folded; None: nothing waits. is_folding: a worker has it in hand.
    """

    epoch: str
    bytes: int
    updates: int
    update_bytes: int
    due_ms: int | None
    is_folding: bool


async def glance_at_document(keys: Keys, client: Client, room: str) -> DocumentGlance | None:
    """None for a document that nobody has edited for long. May be repeated. Raises LogUnavailable."""

    async def glance() -> tuple[list[bytes | None], float | None, bool]:
        pipe = client.pipeline(transaction=False)
        pipe.hmget(keys.document(room), ["epoch", "bytes", "n", "new"])
        pipe.zscore(keys.documents_due, room)
        pipe.hexists(keys.documents_held, room)
        kept, due, held = await pipe.execute()
        return kept, due, bool(held)

    (epoch, size, updates, update_bytes), due, held = await retrying(glance)
    if epoch is None:
        return None
    due_ms = None if due is None else int(due)
    return DocumentGlance(epoch.decode(), int(size or 0), int(updates or 0), int(update_bytes or 0), due_ms, held)
