"""Entries that the fold refused: parked with their error, visible, and to be driven again."""

from __future__ import annotations

from dataclasses import dataclass

from streams.append import Appended, Appender, NewEntry, Once
from streams.entry import Entry
from streams.link import Client, Link, retrying, run_script


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """id: ID in the dead-letter stream. The rest is the entry as it was appended, and why the fold refused it."""

    id: str
    room: str
    position: str
    event: str
    data: bytes
    error: str


class DeadLetters:
    """The shard's dead letters. All calls may be repeated and raise LogUnavailable."""

    def __init__(self, link: Link, client: Client) -> None:
        self._keys = link.keys
        self._client = client

    async def park(self, entry: Entry, error: str) -> str:
        """Keep a refused entry, once however often it is parked; returns the dead letter's ID."""
        keys = [self._keys.dead, self._keys.dead_index]
        args = [entry.room, str(entry.position), entry.event, entry.data, error[:2000]]
        raw = await retrying(lambda: run_script(self._client, "park", keys, args))
        return str(raw.decode())

    async def page(self, after: str = "-", limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order in which they were parked, those behind the ID `after`."""
        start = after if after == "-" else f"({after}"
        items = await retrying(lambda: self._client.xrange(self._keys.dead, min=start, count=limit))
        return [_letter(item_id, fields) for item_id, fields in items]

    async def get(self, letter_id: str) -> DeadLetter | None:
        items = await retrying(lambda: self._client.xrange(self._keys.dead, min=letter_id, max=letter_id))
        return _letter(*items[0]) if items else None

    async def count(self) -> int:
        return int(await retrying(lambda: self._client.xlen(self._keys.dead)))

    async def drop(self, letter: DeadLetter) -> None:
        """Forget a dead letter for good."""

        async def drop() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.hdel(self._keys.dead_index, f"{letter.room}@{letter.position}")
            pipe.xdel(self._keys.dead, letter.id)
            await pipe.execute()

        await retrying(drop)

    async def retry(self, letter: DeadLetter, appender: Appender) -> Appended:
        """Append the entry once more, for the fold only (clients had it), and forget the dead letter.

        Driving the same letter twice appends it once. If the fold refuses it again it is parked anew.
        """
        once = Once("deadletter", letter.id)
        appended = await appender.append(NewEntry(letter.room, letter.event, letter.data, quiet=True, once=once))
        await self.drop(letter)
        return appended


def _letter(item_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        item_id.decode(),
        fields[b"room"].decode(),
        fields[b"position"].decode(),
        fields[b"event"].decode(),
        fields[b"data"],
        fields[b"error"].decode(),
    )
