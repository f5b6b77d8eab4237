"""The archive: everything that a node or a worker asks of PostgreSQL, with its errors translated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from archive import chat_list, chat_tags, commit, reads, shared_list, users
from archive.channel_store import ChannelArchive
from archive.chat import StoredChat
from archive.chat_list import ChatList
from archive.chat_marks import ChatMark
from archive.commit import CommitResult
from archive.database import translated
from archive.document_store import DocumentArchive
from archive.documents import Keeping
from archive.note_store import NoteArchive
from archive.room_fold import RoomFold
from archive.server import DatabaseFacts, database_facts
from archive.shared_list import SharedOf
from archive.sharing import Grant
from archive.tables import Key
from archive.text import storable
from archive.users import User
from archive.windows import Window
from streams.entry import Position


class Archive:
    """Tables that the log folds into. The pool is the caller's: opened and closed by it.

    Every method raises ArchiveUnavailable when the database cannot answer now (retry), and ArchiveRefused when it
    rejects the data (a retry is of no use). Cancelling a call is safe: what is not committed is rolled back.
    channels, notes, documents: the same for those. keeping: which versions of a document stay.
    """

    def __init__(self, pool: AsyncConnectionPool, keeping: Keeping | None = None) -> None:
        self._pool = pool
        self.channels = ChannelArchive(self._connection)
        self.notes = NoteArchive(self._connection)
        self.documents = DocumentArchive(self._connection, keeping)

    async def stored(self, rooms: Sequence[str]) -> dict[str, Position]:
        """The position that each of these rooms is folded up to; Position.ZERO for a room that never was."""
        async with self._connection() as connection:
            return await reads.stored(connection, rooms)

    async def commit(self, folds: Sequence[RoomFold]) -> CommitResult:
        """Store the folds of these rooms in one transaction, of those whose stored position is still `before`.

        When it returns, the moved rooms are durable: acknowledge their entries now, not earlier. When it raises
        ArchiveRefused, at least one fold holds what the database rejects; commit parts of it to find which. A call
        that was cancelled or lost its connection may have been committed: `stored` tells.
        """
        async with self._connection() as connection:
            return await commit.commit(connection, folds)

    async def chat(self, chat_id: str) -> StoredChat | None:
        """The chat, its messages, and the position that its owner's room is folded up to, of one moment."""
        async with self._connection() as connection:
            return await reads.chat(connection, storable(chat_id))

    async def owner(self, chat_id: str) -> str | None:
        """The id of the user whose chat it is; None when no row exists (the log may know it already)."""
        async with self._connection() as connection:
            return await reads.owner(connection, storable(chat_id))

    async def chat_list(self, user_id: str, window: Window, touched: Sequence[str] = ()) -> ChatList:
        """The user's chats, the last updated first: a window of those that are not touched, and the touched ones."""
        async with self._connection() as connection:
            return await chat_list.read(connection, storable(user_id), window, [storable(key) for key in touched])

    async def chat_tags(self, user_id: str) -> dict[str, list[str]]:
        """The tags of each of the user's chats that has some."""
        async with self._connection() as connection:
            return await chat_tags.read(connection, storable(user_id))

    async def shared_marks(self, user_id: str) -> tuple[Position, dict[Key, ChatMark]]:
        """A mark for each chat of another that the user may have access to; as of a position of `user:{user_id}`."""
        async with self._connection() as connection:
            return await shared_list.marks(connection, storable(user_id))

    async def shared_of(self, user_id: str, owner: str, chat_ids: Sequence[str]) -> SharedOf:
        """Those of an owner's chats, and what the user was granted of them."""
        async with self._connection() as connection:
            ids = [storable(chat_id) for chat_id in chat_ids]
            return await shared_list.read(connection, storable(user_id), storable(owner), ids)

    async def grants(self, room: str, log: str) -> tuple[Position, dict[Key, Grant]]:
        """The grants of `room`, and the position that `log`, the room that they are folded from, is folded up to."""
        async with self._connection() as connection:
            return await reads.grants(connection, storable(room), storable(log))

    async def see_user(self, user_id: str, name: str, email: str, role: str) -> None:
        """Store a user as a valid token names them; no write when nothing changed, no name or email lost to ""."""
        async with self._connection() as connection:
            await users.see(connection, *map(storable, (user_id, name, email, role)))

    async def give_role(self, user_id: str, role: str) -> User | None:
        """Give a user a role that no token changes; None when the user was never seen."""
        async with self._connection() as connection:
            return await users.give_role(connection, storable(user_id), role)

    async def given_role(self, user_id: str) -> str:
        """The role that an admin gave a user, or ""."""
        async with self._connection() as connection:
            return await users.given_role(connection, storable(user_id))

    async def users(self, user_ids: Sequence[str]) -> dict[str, User]:
        """Those of the users that were seen, by id."""
        async with self._connection() as connection:
            return await users.named(connection, [storable(user_id) for user_id in user_ids])

    async def users_page(self, limit: int, offset: int) -> tuple[User, ...]:
        """All users that were seen, by id. limit, offset: a page of them."""
        async with self._connection() as connection:
            return await users.page(connection, limit, offset)

    async def touch_user(self, user_id: str, at_s: int) -> bool:
        """Note that the user was active at this Unix second. True when it was written: at most once a minute."""
        async with self._connection() as connection:
            return await users.touch(connection, storable(user_id), at_s)

    async def ping(self) -> None:
        """Return when the database answers and its tables are there."""
        async with self._connection() as connection:
            await connection.execute(b"SELECT FROM rooms LIMIT 0")

    async def server(self) -> DatabaseFacts:
        """What the database says of itself."""
        async with self._connection() as connection:
            return await database_facts(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        with translated():
            async with self._pool.connection() as connection:
                yield connection
