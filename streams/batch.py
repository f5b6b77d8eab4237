"""A batch of entries as append.lua wants it, which says in which order what stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from streams.keys import Keys, is_folded
from streams.new_entry import NewEntry
from streams.words import Word, kept_word, word

ROOMS = 4096
"""Whose words are remembered: about 1 KB each."""

NUMBERS = tuple(word(number) for number in range(512))
"""The words of what a batch numbers: rooms, of which an entry has at most two."""


class _Room(NamedTuple):
    """A room's words. flag: what its entries have by its name."""

    name: bytes
    stream: bytes
    members: bytes
    flag: str


class Head:
    """What all batches of a process have in common.

    names: of keys. producer: key of its last batch. limits: producer ttl (s), shard log length, room cap, fence ttl
    (s). fold_due: when to fold a document. document_ttl_s: how long one is remembered.
    """

    def __init__(
        self, names: Keys, producer: str, limits: tuple[int, int, int, int], fold_due: str, document_ttl_s: int
    ) -> None:
        self.names = names
        self.room = lru_cache(maxsize=ROOMS)(self._room)
        keys = (names.log, names.epoch, names.heads, names.jobs, names.queued, producer)
        self._keys = _words((*keys, names.documents_due, names.documents_held))
        self._limits = _words(limits)
        self._fold_due = word(fold_due)
        self._document_ttl = word(document_ttl_s)

    def _room(self, name: str) -> _Room:
        names = self.names
        return _Room(word(name), word(names.room(name)), word(names.members(name)), "f" if is_folded(name) else "")

    def encode(self, sequence: int, entries: Sequence[NewEntry]) -> list[bytes]:
        """The words behind the script's name: how many keys, keys, arguments. Rooms stand once in a batch, and are
        numbered, as Lua counts, from 1."""
        body = _Body(self)
        due = b""
        for entry in entries:
            body.add(entry)
            if entry.change is not None:
                due = self._fold_due
        rooms, viewed = [self.room(name) for name in body.rooms], [self.room(name) for name in body.viewed]
        keys = len(self._keys) + len(rooms) + len(viewed) + len(body.keys)
        words = [word(keys), *self._keys]
        words += [room.stream for room in rooms]
        words += [room.members for room in viewed]
        words += body.keys
        words += (word(sequence), *self._limits, due or NOTHING, self._document_ttl)
        words += (NUMBERS[len(rooms)], NUMBERS[len(viewed)], *[room.name for room in rooms])
        words += body.args
        return words


NOTHING = word("")


def _words(said: Iterable[Word]) -> tuple[bytes, ...]:
    return tuple(map(word, said))


class _Body:
    """rooms, viewed: numbers by name, of all rooms and of those that copies go to. keys, args: words of the entries."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.rooms: dict[str, int] = {}
        self.viewed: dict[str, int] = {}
        self.keys: list[bytes] = []
        self.args: list[bytes] = []

    def add(self, entry: NewEntry) -> None:
        rooms, data, copy = self.rooms, entry.data, entry.copy
        flags = self._head.room(entry.room).flag
        number = NUMBERS[rooms.setdefault(entry.room, len(rooms) + 1)]
        more: Iterable[bytes] = ()
        if entry.quiet or entry.skip or entry.once or entry.fence or entry.binary:
            told, more = self._rest(entry)
            flags += told
        packed = b"$%d\r\n%b\r\n" % (len(data), data)
        if copy is None:
            self.args += (number, kept_word(entry.event), packed, kept_word(flags), *more)
        else:
            viewers = NUMBERS[self.viewed.setdefault(copy.room, len(self.viewed) + 1)]
            place = NUMBERS[rooms.setdefault(copy.room, len(rooms) + 1)]
            self.args += (number, kept_word(entry.event), packed, kept_word(flags + "c"), *more)
            self.args += (place, viewers, kept_word(copy.skip), kept_word(copy.head))

    def _rest(self, entry: NewEntry) -> tuple[str, Iterable[bytes]]:
        """Flags and arguments that most entries do not have."""
        names = self._head.names
        flags = "q" if entry.quiet else ""
        more: list[Word] = []
        if entry.skip:
            flags += "s"
            more.append(entry.skip)
        if once := entry.once:
            flags += "o"
            self.keys.append(word(names.once(once.scope, once.key)))
            more += (once.ttl_s, entry.digest)
        if fence := entry.fence:
            flags += fence.step.value
            self.keys.append(word(names.run(fence.name)))
            more.append(fence.run)
        elif change := entry.change:
            flags += "d"
            self.keys.append(word(names.document(entry.room)))
            more.append(change.encoded())
        if entry.binary:
            flags += "a"
            more.append(entry.binary)
        return flags, map(word, more)
