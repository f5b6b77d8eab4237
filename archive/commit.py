"""Storing folded changes: positions move by compare-and-set, rows change in the same transaction.

One statement for all rooms, chats and messages (chat_store.py), and one for each other table, in a transaction when
there are some. Parameters are the patches themselves, so that a delta sends its own bytes and not its message's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from archive import chat_store, document_store, upserts
from archive.notes import NOTES
from archive.room_fold import RoomFold
from archive.tables import Rows


@dataclass(frozen=True, slots=True)
class RefusedChat:
    """A chat whose patch was not stored because it belongs to someone else. Its room moved on nevertheless."""

    room: str
    chat_id: str


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit stored.

    moved: rooms whose position and rows are stored; any other room stood elsewhere and nothing of it was stored.
    refused: chats, of moved rooms, that have another owner.
    """

    moved: frozenset[str]
    refused: tuple[RefusedChat, ...]


async def commit(connection: AsyncConnection[Any], folds: Sequence[RoomFold]) -> CommitResult:
    """Store these folds in one transaction. Raises psycopg.Error, and then nothing is stored."""
    if len({fold.room for fold in folds}) != len(folds):
        raise ValueError("a room may be in a commit only once")
    ordered = sorted(folds, key=lambda fold: fold.room)
    if any(fold.changes.rows for fold in ordered):
        async with connection.transaction():
            missed = await chat_store.store(connection, ordered)
            await _store_rows(connection, [fold.changes.rows for fold in ordered if fold.room not in missed.rooms])
    else:
        missed = await chat_store.store(connection, ordered)
    moved = frozenset(fold.room for fold in ordered if fold.room not in missed.rooms)
    return CommitResult(moved, tuple(RefusedChat(*chat) for chat in missed.chats))


async def _store_rows(connection: AsyncConnection[Any], rows: Sequence[Rows]) -> None:
    await upserts.store(connection, rows)
    if notes := [key[0] for part in rows for key, op in part.get(NOTES, {}).items() if op and op.get("deleted")]:
        await document_store.bury(connection, notes)
