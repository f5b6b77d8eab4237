"""Who owns a chat: remembered here while it may not be folded yet, cached because it never changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from streams.keys import Keys
from streams.link import Client, retrying

_CACHE = 10_000


class Owners:
    """stored: looks a chat's owner up in SQL. All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client, stored: Callable[[str], Awaitable[str | None]], ttl_s: int) -> None:
        self._keys = keys
        self._client = client
        self._stored = stored
        self._ttl_s = ttl_s
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._forgotten = 0

    async def claim(self, chat_id: str, user_id: str) -> bool:
        """Note the owner of a new chat, before it is appended. False when the chat is somebody else's."""
        if await self.of(chat_id) is None:
            await retrying(lambda: self._client.set(self._keys.owner(chat_id), user_id, ex=self._ttl_s, nx=True))
        return await self.of(chat_id) == user_id

    async def remove(self, chat_id: str) -> None:
        """Note that a chat is deleted, for as long as the log may still know it. Nodes that cached it: `forget`."""
        await retrying(lambda: self._client.set(self._keys.owner(chat_id), "", ex=self._ttl_s))
        self.forget(chat_id)

    def forget(self, chat_id: str) -> None:
        """Drop what is cached of a chat."""
        self._forgotten += 1
        self._cache.pop(chat_id, None)

    async def of(self, chat_id: str) -> str | None:
        """The chat's owner; None when there is no such chat."""
        known = self._cache.get(chat_id)
        if known is not None:
            self._cache.move_to_end(chat_id)
            return known
        forgotten = self._forgotten
        raw = await retrying(lambda: self._client.get(self._keys.owner(chat_id)))
        owner = await self._stored(chat_id) if raw is None else raw.decode() or None
        if owner is not None and forgotten == self._forgotten:  # else it may have been deleted meanwhile
            self._cache[chat_id] = owner
            if len(self._cache) > _CACHE:
                self._cache.popitem(last=False)
        return owner
