"""Changing chats as a whole: what a page posts of them, who else may read them, what was read, and their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson

from app.chats import Chats
from app.emitter import Emitter
from app.merging import Merge, merge
from app.orders import Orders
from app.payloads import BadPayload, ChatBody
from app.sharing import Shared, Sharing
from app.tasks import Tasks
from archive.chat import StoredChat
from archive.envelope import message_entry
from archive.events import effect
from archive.fold import CHAT_DELETE
from archive.shapes import BadShape
from archive.sharing import CHAT_GRANTS
from registry.owners import Owners
from streams.append import Appended, NewEntry


class ChatWrites:
    """The caller vouches that the user may do it. All raise the errors of `Appender.append` and of reading."""

    def __init__(
        self, chats: Chats, owners: Owners, emitter: Emitter, sharing: Sharing, orders: Orders, tasks: Tasks
    ) -> None:
        self._chats = chats
        self._owners = owners
        self._emitter = emitter
        self._sharing = sharing
        self._orders = orders
        self._tasks = tasks

    async def update(self, chat: StoredChat, body: ChatBody) -> Appended | None:
        """Merge what a page sends into its chat (`app.merging`); None when there was nothing new in it.

        Raises BadPayload for a history that the fold could not read.
        """
        found = merge(chat, body.title, body.history.messages, body.history.currentId)
        appended = await asyncio.gather(*(self._emitter.append(entry) for entry in _entries(chat, found)))
        return appended[-1] if appended else None

    async def delete(self, chat_id: str, owner: str) -> Appended:
        """Delete a chat: when it returns, its tasks were stopped, no node knows it, and nobody is in its room.

        An owner of a task that does not answer holds it up for `task_stop_wait_s`, and stops when it is back.
        """
        await self._tasks.stop_tasks_of_item(chat_id)
        body = orjson.dumps({"chat_id": chat_id})
        appended = await self._emitter.append(NewEntry(f"user:{owner}", CHAT_DELETE, body, quiet=True))
        await self._owners.remove(chat_id)
        await self._tasks.stop_tasks_of_item(chat_id)  # what began in between
        await self._orders.close_room(f"chat:{chat_id}")
        await self._tell(owner, chat_id, "chat:list", {"chat_id": chat_id})
        return appended

    async def share(self, chat_id: str, owner: str, wanted: Mapping[str, str]) -> Appended | None:
        """Give these users "read" or "write", and nobody else; those whose access changed are told by `chat:access`.

        Returns where the grants stand in the owner's room; None when nothing changed.
        """
        shared = Shared(f"chat:{chat_id}", f"user:{owner}", CHAT_GRANTS, owner)
        changed, appended = await self._sharing.replace(shared, wanted)
        await asyncio.gather(*(self._tell(user_id, chat_id, "chat:access", {}) for user_id in changed))
        return appended

    async def mark_read(self, user_id: str, chat_id: str) -> Appended:
        """Note that a user has read a chat up to now; the user's sessions are told by `chat:list`."""
        return await self._tell(user_id, chat_id, "chat:list", {"chat_id": chat_id, "last_read_at": int(time.time())})

    async def _tell(self, user_id: str, chat_id: str, kind: str, data: Any) -> Appended:
        """An event for one user's own sessions, whoever the chat belongs to; viewers get no copy."""
        entry = message_entry(user_id, chat_id, None, kind, data)
        return await self._emitter.append(NewEntry(entry.room, entry.event, entry.data))


def _entries(chat: StoredChat, found: Merge) -> list[NewEntry]:
    """What to append: new messages and texts for everybody, other changes and the place in the tree for the fold."""
    entries = []
    if found.title is not None:
        entries.append(_entry(chat, None, "chat:title", found.title))
    if found.fresh:
        entries.append(_entry(chat, None, "chat:messages", {"messages": found.fresh, "currentId": found.current_id}))
    for message_id, content in found.texts.items():
        entries.append(_entry(chat, message_id, "chat:message", {"content": content}))
    if found.changed or (found.current_id and not found.fresh):
        turn = {"messages": found.changed, "currentId": found.current_id}
        entries.append(_entry(chat, None, "chat:messages", turn, quiet=True))
    return entries


def _entry(chat: StoredChat, message_id: str | None, kind: str, data: Any, quiet: bool = False) -> NewEntry:
    try:
        effect(kind, data)
    except BadShape as fault:
        raise BadPayload(str(fault)) from fault
    return message_entry(chat.user_id, chat.id, message_id, kind, data, quiet=quiet)
