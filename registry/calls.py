"""Records of event calls that somebody waits for. One lives as long as its caller keeps looking at it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from streams.bus import Signal, frame
from streams.keys import Keys
from streams.link import Client, retrying, run_script

CALL_TTL_S = 10
"""A call whose caller has not looked for this long is over: its process died."""


@dataclass(frozen=True, slots=True)
class CallState:
    """asked: the connection that was handed the question last, or "". answer: JSON, None while there is none."""

    asked: str
    answer: bytes | None


class CallRecords:
    """All calls may be repeated and raise LogUnavailable. number: what the call is known by on every node.

    withdrawal: the signal that takes the question off the user's pages. Whoever reaps a dead caller's call sends it.
    """

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def look(self, number: int, user_id: str, withdrawal: Signal) -> CallState:
        """How the call stands; opens it, and keeps it alive."""
        key = self._keys.call(number)
        until = int((time.time() + CALL_TTL_S) * 1000)

        async def look() -> list[bytes | None]:
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(key, "user", user_id)
            pipe.expire(key, CALL_TTL_S)
            pipe.zadd(self._keys.calls, {frame(withdrawal): until})
            pipe.hmget(key, ["asked", "answer"])
            return list((await pipe.execute())[3])

        asked, answer = await retrying(look, 2.0)
        return CallState(asked.decode() if asked else "", answer)

    async def note_asked(self, number: int, user_id: str, connection: str) -> bool:
        """Note that a connection of the user was handed the question. False when the call is over."""
        return await self._note(number, user_id, "asked", connection.encode())

    async def note_answer(self, number: int, user_id: str, answer: bytes) -> bool:
        """Note the answer. False when there was one, when the call is over, or when it is another user's."""
        return await self._note(number, user_id, "answer", answer)

    async def _note(self, number: int, user_id: str, field: str, value: bytes) -> bool:
        keys = [self._keys.call(number)]
        return bool(await retrying(lambda: run_script(self._client, "call_note", keys, [user_id, field, value])))

    async def close(self, number: int, withdrawal: Signal) -> None:
        """Forget the call; answers that come later are ignored. The caller sends the withdrawal itself."""

        async def close() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.delete(self._keys.call(number))
            pipe.zrem(self._keys.calls, frame(withdrawal))
            await pipe.execute()

        await retrying(close, 2.0)

    async def reap(self, lease: str, token: str, limit: int = 500) -> int:
        """Withdraw calls whose caller died. Only by the lease's holder; returns how many."""
        keys, args = [self._keys.lease(lease), self._keys.calls], [token, self._keys.bus, limit]
        return int(await retrying(lambda: run_script(self._client, "call_reap", keys, args)))
