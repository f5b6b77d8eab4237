"""What a client got, held against what was sent. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from streams.entry import Position


@dataclass(frozen=True, slots=True)
class Event:
    """An `events` event of a message, with its place in the log."""

    position: Position
    kind: str
    data: Any


@dataclass(frozen=True, slots=True)
class Content:
    """What a message shows. statuses, sources: each as JSON, so that two contents can be compared."""

    text: str = ""
    statuses: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @classmethod
    def stored(cls, text: str, statuses: Iterable[Any], sources: Iterable[Any]) -> Content:
        """The content of a message as SQL or HTTP hands it out."""
        return cls(text, tuple(map(_canonical, statuses)), tuple(map(_canonical, sources)))

    def after(self, events: Sequence[Event]) -> Content:
        """The content when these events, all of them and in this order, have been seen too."""
        return Content(
            self.text + "".join(event.data["content"] for event in events if event.kind == "message"),
            self.statuses + tuple(_canonical(event.data) for event in events if event.kind == "status"),
            self.sources + tuple(_canonical(event.data) for event in events if event.kind == "source"),
        )

    @property
    def sha256(self) -> str:
        """Of the text, in UTF-8."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Account:
    """Counts of events. received: all that came. misplaced: came after a later one, or was never sent."""

    received: int
    repeated: int
    lost: int
    misplaced: int

    @property
    def clean(self) -> bool:
        return self.repeated == self.lost == self.misplaced == 0


def account(sent: Sequence[Event], received: Sequence[Event]) -> Account:
    """Compare by position. Adjacent `message` events may come joined as one, at the last one's position."""
    places = {event.position: place for place, event in enumerate(sent)}
    seen: set[int] = set()
    repeated = misplaced = 0
    last = -1
    for event in received:
        place = places.get(event.position)
        if place is None:
            misplaced += 1
            continue
        covered = _covered(sent, place, event)
        repeated += len(seen.intersection(covered))
        misplaced += place < last and place not in seen
        seen.update(covered)
        last = max(last, place)
    return Account(len(received), repeated, len(sent) - len(seen), misplaced)


def _covered(sent: Sequence[Event], place: int, event: Event) -> range:
    """The places of the sent events that an event stands for: one, or several `message` events joined."""
    first = place
    if event.kind == "message":
        missing = len(event.data["content"]) - len(sent[place].data["content"])
        while missing > 0 and first > 0 and sent[first - 1].kind == "message":
            first -= 1
            missing -= len(sent[first].data["content"])
    return range(first, place + 1)
