"""Records of event calls that somebody waits for. One lives as long as its caller keeps looking at it."""

from __future__ import annotations

from dataclasses import dataclass

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
    """All calls may be repeated and raise LogUnavailable. number: what the call is known by on every node."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def look(self, number: int, user_id: str) -> CallState:
        """How the call stands; opens it, and keeps it alive."""
        key = self._keys.call(number)

        async def look() -> list[bytes | None]:
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(key, "user", user_id)
            pipe.expire(key, CALL_TTL_S)
            pipe.hmget(key, ["asked", "answer"])
            return list((await pipe.execute())[2])

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

    async def close(self, number: int) -> None:
        """Forget the call; answers that come later are ignored."""
        await retrying(lambda: self._client.delete(self._keys.call(number)), 2.0)
