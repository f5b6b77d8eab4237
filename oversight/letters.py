"""Dead letters as operators handle them: looked at, driven again, dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from streams.append import Appender
from streams.deadletters import DeadLetter, DeadLetters
from streams.entry import Position
from streams.link import Client, Link


@dataclass(frozen=True, slots=True)
class Letter:
    """id: its place among the dead letters. position: of the entry that the fold refused. bytes: of its payload."""

    id: str
    room: str
    position: str
    event: str
    error: str
    parked_ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class OpenLetter(Letter):
    """data: the payload; as text when it is not JSON; None where it is withheld."""

    data: Any
    withheld: bool


@dataclass(frozen=True, slots=True)
class LetterPage:
    """letters: the oldest first. next: where newer ones go on; None when there are none. count: of all."""

    letters: tuple[Letter, ...]
    next: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Retried:
    """position: where the entry was appended again, for the fold alone."""

    position: str


class Letters:
    """All calls raise LogUnavailable."""

    def __init__(self, link: Link, client: Client) -> None:
        self._dead = DeadLetters(link, client)

    async def page(self, after: str | None = None, limit: int = 100) -> LetterPage:
        """Dead letters, or those behind the one named `after`."""
        found = await self._dead.page(after or "-", limit + 1)
        letters = tuple(_letter(letter) for letter in found[:limit])
        return LetterPage(letters, letters[-1].id if len(found) > limit else None, await self._dead.count())

    async def open(self, letter_id: str) -> OpenLetter | None:
        """One with its payload; None when there is none of this id."""
        letter = await self._find(letter_id)
        return None if letter is None else _opened(letter)

    async def retry(self, letter_id: str, appender: Appender) -> Retried | None:
        """Append the entry once more, for the fold only, and forget the letter; None when there is none of this id.

        Raises what `append` raises, and the letter stays then.
        """
        letter = await self._find(letter_id)
        return None if letter is None else Retried(str((await self._dead.retry(letter, appender)).position))

    async def drop(self, letter_id: str) -> bool:
        """Forget it for good: its entry is never folded. False when there is none of this id."""
        letter = await self._find(letter_id)
        if letter is not None:
            await self._dead.drop(letter)
        return letter is not None

    async def _find(self, letter_id: str) -> DeadLetter | None:
        try:
            Position.parse(letter_id)
        except ValueError:
            return None
        return await self._dead.get(letter_id)


def _letter(letter: DeadLetter) -> Letter:
    parked_ms = Position.parse(letter.id).ms
    return Letter(letter.id, letter.room, letter.position, letter.event, letter.error, parked_ms, len(letter.data))


def _opened(letter: DeadLetter) -> OpenLetter:
    try:
        data = orjson.loads(letter.data)
    except orjson.JSONDecodeError:
        data = letter.data.decode("utf-8", "replace")
    seen = _letter(letter)
    return OpenLetter(
        seen.id, seen.room, seen.position, seen.event, seen.error, seen.parked_ms, seen.bytes, data, withheld=False
    )
