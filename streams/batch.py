"""A batch of entries as append.lua wants it, which says in which order what stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from streams.keys import Keys, is_folded
from streams.new_entry import NewEntry

Word: TypeAlias = str | bytes | int


@dataclass(frozen=True, slots=True)
class Head:
    """What all batches of a process have in common.

    names: of keys. producer: key of its last batch. limits: producer ttl (s), shard log length, room cap, fence ttl
    (s). fold_due: when to fold a document. document_ttl_s: how long one is remembered.
    """

    names: Keys
    producer: str
    limits: tuple[int, int, int, int]
    fold_due: str
    document_ttl_s: int

    def encode(self, sequence: int, entries: Sequence[NewEntry]) -> tuple[list[str], list[Word]]:
        """Keys and arguments of a batch. Rooms stand once in it, and are numbered, as Lua counts, from 1."""
        names = self.names
        body = _Body(names)
        changes = [body.add(entry) for entry in entries]
        keys = [names.log, names.epoch, names.heads, names.jobs, names.queued, self.producer]
        keys += [names.documents_due, names.documents_held]
        keys += map(names.room, body.rooms)
        keys += map(names.members, body.viewed)
        keys += body.keys
        args: list[Word] = [sequence, *self.limits, self.fold_due if any(changes) else "", self.document_ttl_s]
        args += (len(body.rooms), len(body.viewed), *body.rooms, *body.args)
        return keys, args


class _Body:
    """rooms, viewed: numbers by name, of all rooms and of those that copies go to. keys, args: of the entries."""

    def __init__(self, names: Keys) -> None:
        self._names = names
        self.rooms: dict[str, int] = {}
        self.viewed: dict[str, int] = {}
        self.keys: list[str] = []
        self.args: list[Word] = []

    def add(self, entry: NewEntry) -> bool:
        """Returns whether it changes a document."""
        flags = "f" if is_folded(entry.room) else ""
        rooms, copy = self.rooms, entry.copy
        number = rooms.setdefault(entry.room, len(rooms) + 1)
        more: tuple[Word, ...] = ()
        if entry.quiet or entry.skip or entry.once or entry.fence or entry.binary:
            told, more = self._rest(entry)
            flags += told
        if copy is None:
            self.args += (number, entry.event, entry.data, flags, *more)
        else:
            viewers = self.viewed.setdefault(copy.room, len(self.viewed) + 1)
            place = rooms.setdefault(copy.room, len(rooms) + 1)
            self.args += (number, entry.event, entry.data, flags + "c", *more, place, viewers, copy.skip, copy.head)
        return entry.change is not None

    def _rest(self, entry: NewEntry) -> tuple[str, tuple[Word, ...]]:
        """Flags and arguments that most entries do not have."""
        flags = "q" if entry.quiet else ""
        more: list[Word] = []
        if entry.skip:
            flags += "s"
            more.append(entry.skip)
        if once := entry.once:
            flags += "o"
            self.keys.append(self._names.once(once.scope, once.key))
            more += (once.ttl_s, entry.digest)
        if fence := entry.fence:
            flags += fence.step.value
            self.keys.append(self._names.run(fence.name))
            more.append(fence.run)
        elif change := entry.change:
            flags += "d"
            self.keys.append(self._names.document(entry.room))
            more.append(change.encoded())
        if entry.binary:
            flags += "a"
            more.append(entry.binary)
        return flags, tuple(more)
