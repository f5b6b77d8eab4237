"""Documents in the log: what it knows of each, and which wait to be folded.

A document's room has a hash with the epoch of its history and how far the log has each client's structs. It is a
cache of what SQL and the stream say: it may vanish at any time, and one that was opened before the log's present
epoch is not believed. The append script keeps it, so what it says and what the stream holds are one step.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.entry import Position, change_of
from streams.link import Client, Link, retrying, run_script

HASH_TTL_S = 86_400
"""A document's hash that nobody appended through for this long is opened anew."""

AHEAD = 3
"""A time that lies so many of the longest waits ahead was noted before the log's clock stepped back."""

LONGEST_WAIT_MS = 120_000
"""For which a document may be put behind others after a fold that took long: its updates wait in the log meanwhile."""


@dataclass(frozen=True, slots=True)
class FoldDue:
    """When a document is folded: `quiet_ms` after its last edit, at the latest `longest_ms` after the first that is
    not folded; at once when so many updates, or bytes of them, are not folded."""

    quiet_ms: int = 2_000
    longest_ms: int = 15_000
    updates: int = 500
    update_bytes: int = 256 << 10

    def encoded(self) -> str:
        return f"{self.quiet_ms} {self.longest_ms} {self.updates} {self.update_bytes}"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the log says of a document, of one moment.

    clocks: client -> how many structs of it the log has. size_bytes: of the state and the updates that are not folded.
    head: the room's newest position; ZERO when it has no entry any more.
    """

    epoch: str
    clocks: Mapping[int, int]
    size_bytes: int
    head: Position


@dataclass(frozen=True, slots=True)
class Opening:
    """What a caller read of a document in SQL and in the room's stream, the stream first.

    head: the room's newest position before the read; ZERO for none. stored: the position of SQL; ZERO for none.
    clocks: of the state and the entries above it. state_bytes: of the state. updates, update_bytes: those above it.
    """

    epoch: str
    clocks: Mapping[int, int]
    head: Position = Position.ZERO
    stored: Position = Position.ZERO
    state_bytes: int = 0
    updates: int = 0
    update_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A document that is this worker's to fold until its lease ends. token: known to its holder alone."""

    room: str
    token: str


@dataclass(frozen=True, slots=True)
class Piece:
    """An entry as a fold needs it. binary, epoch, reset, prev: as of `Entry`; epoch "" when it changes nothing."""

    position: Position
    prev: Position
    binary: bytes
    epoch: str
    reset: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What a fold stored. upto: the room is in SQL up to here. updates, update_bytes: how many, and how much, it took.

    content: the position of the content that is stored. more: it left entries that it saw, so it is due at once.
    wait_ms: not due before so long, whatever is appended meanwhile; at most LONGEST_WAIT_MS.
    """

    epoch: str
    upto: Position
    state_bytes: int
    updates: int = 0
    update_bytes: int = 0
    content: Position = Position.ZERO
    more: bool = False
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """A rendering that a client sent. position: of the newest entry before it came. body: JSON."""

    position: Position
    body: bytes


class DocumentLog:
    """The documents of the shard. All calls may be repeated and raise LogUnavailable when the log is silent."""

    def __init__(self, link: Link, client: Client, due: FoldDue | None = None, deadline_s: float = 5.0) -> None:
        self._link = link
        self._keys = link.keys
        self._client = client
        self._due = due or FoldDue()
        self._deadline_s = deadline_s

    async def vector(self, room: str) -> Opened | None:
        """What the log says of the document; None when it is not open. Reads every client: not for each update."""

        async def read() -> Opened | None:
            pipe = self._client.pipeline(transaction=True)
            pipe.hgetall(self._keys.document(room))
            pipe.hget(self._keys.epoch, "position")
            pipe.hget(self._keys.heads, room)
            found, log_epoch, head = await pipe.execute()
            if not log_epoch or found.get(b"log") != log_epoch:
                return None
            clocks = {int(name[1:]): int(clock) for name, clock in found.items() if name[1:].isdigit()}
            at = Position.parse(head) if head else Position.ZERO
            return Opened(found[b"epoch"].decode(), clocks, int(found[b"bytes"]), at)

        return await retrying(read, self._deadline_s)

    async def open(self, room: str, opening: Opening) -> bool:
        """Say what was read of a document that is not open.

        False when it was opened meanwhile, or its head moved: read again. Positions to come are above `stored`.
        """
        await self.pass_by(opening.stored)
        keys = [self._keys.document(room), self._keys.heads, self._keys.epoch]
        args = [room, str(opening.head), opening.epoch, HASH_TTL_S]
        args += [opening.state_bytes, opening.updates, opening.update_bytes]
        args += [part for client, clock in opening.clocks.items() for part in (f"c{client}", clock)]
        return bool(await retrying(lambda: run_script(self._client, "document_open", keys, args), self._deadline_s))

    async def pass_by(self, stored: Position) -> None:
        """Let positions to come be above what SQL has: an entry below it would never be folded.

        SQL can be ahead when the log was lost and its new server's time is behind.
        """
        self._link.saw(stored)
        args = [str(stored)]
        await retrying(lambda: run_script(self._client, "clock", [self._keys.log], args), self._deadline_s)

    async def forget(self, room: str) -> None:
        """Close the document: whoever needs it opens it anew. For a holder that found SQL to say something else."""
        await retrying(lambda: self._client.delete(self._keys.document(room)), self._deadline_s)

    async def remove(self, room: str) -> None:
        """Take away everything that is kept of a document that was deleted, but its entries."""

        async def remove() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.delete(self._keys.document(room), self._keys.content(room))
            pipe.zrem(self._keys.documents_due, room)
            pipe.hdel(self._keys.documents_held, room)
            await pipe.execute()

        await retrying(remove, self._deadline_s)

    async def claim(self, count: int, lease_ms: int) -> list[Claim]:
        """Up to `count` documents that are due, for so long. A claim whose answer was lost runs out."""
        token = secrets.token_hex(8)
        keys = [self._keys.documents_due, self._keys.documents_held]
        ahead_ms = AHEAD * max(lease_ms, self._due.quiet_ms, self._due.longest_ms)
        args = [token, count, lease_ms, max(ahead_ms, lease_ms + LONGEST_WAIT_MS)]
        rooms = await retrying(lambda: run_script(self._client, "document_claim", keys, args), self._deadline_s)
        return [Claim(room.decode(), token) for room in rooms]

    async def renew(self, claim: Claim, lease_ms: int) -> bool:
        """Hold the document for so long from now. False when it went to somebody else."""
        keys = [self._keys.documents_due, self._keys.documents_held]
        args = [claim.room, claim.token, lease_ms]
        return bool(await retrying(lambda: run_script(self._client, "document_renew", keys, args), self._deadline_s))

    async def finish(self, claim: Claim, progress: Progress) -> bool:
        """Give the document back, stored so far; due again if more came. False when somebody else holds it."""
        names, room = self._keys, claim.room
        keys = [names.documents_due, names.documents_held, names.document(room), names.content(room)]
        keys += [names.heads, names.folded]
        args = [room, claim.token, str(progress.upto), progress.epoch, progress.state_bytes]
        args += [
            progress.updates,
            progress.update_bytes,
            str(progress.content),
            self._due.encoded(),
            int(progress.more),
            progress.wait_ms,
        ]
        return bool(await retrying(lambda: run_script(self._client, "document_finish", keys, args), self._deadline_s))

    async def read(self, room: str, after: Position, count: int, size_bytes: int) -> list[Piece]:
        """The document's entries after a position: at most `count`, and none behind the one that fills `size_bytes`."""
        keys, args = [self._keys.room(room)], [str(after), count, size_bytes]
        raw = await retrying(lambda: run_script(self._client, "document_read", keys, args), self._deadline_s)
        return _pieces(raw)

    async def make_due(self, room: str) -> bool:
        """Let a document be folded now if it does not wait already. True when it did not."""
        keys = [self._keys.documents_due, self._keys.documents_held]
        return bool(await retrying(lambda: run_script(self._client, "document_due", keys, [room]), self._deadline_s))

    async def waiting(self, rooms: list[str]) -> set[str]:
        """Those of the documents that are due, will be, or are being folded."""
        if not rooms:
            return set()
        scores = await retrying(lambda: self._client.zmscore(self._keys.documents_due, rooms), self._deadline_s)
        return {room for room, score in zip(rooms, scores, strict=True) if score is not None}

    async def content(self, room: str, content: Content) -> bool:
        """Keep a rendering until the fold has stored it. False, and nothing changed, when a newer one is kept."""
        names = self._keys
        keys = [names.content(room), names.documents_due, names.documents_held]
        args = [room, str(content.position), content.body, self._due.encoded()]
        return bool(await retrying(lambda: run_script(self._client, "document_content", keys, args), self._deadline_s))

    async def content_of(self, room: str) -> Content | None:
        """The rendering that SQL does not have yet, if there is one. Read it before SQL: it goes when SQL has it."""
        at, body = await retrying(
            lambda: self._client.hmget(self._keys.content(room), ["at", "body"]), self._deadline_s
        )
        return Content(Position.parse(at), body) if at else None


def _pieces(raw: Sequence[bytes]) -> list[Piece]:
    """From document_read.lua's answer. An entry's predecessor is nearly always the one before: it is parsed once."""
    pieces: list[Piece] = []
    last, last_raw = Position.ZERO, b""
    for raw_position, raw_prev, binary, change in zip(raw[::4], raw[1::4], raw[2::4], raw[3::4], strict=True):
        prev = last if raw_prev == last_raw else Position.parse(raw_prev)
        last, last_raw = Position.parse(raw_position), raw_position
        pieces.append(Piece(last, prev, binary, *change_of(change)))
    return pieces
