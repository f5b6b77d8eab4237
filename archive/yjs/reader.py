"""A strict reader of Yjs updates, format v1: what an update would do, without doing it.

The format has no specification. It is written by Yjs (https://github.com/yjs/yjs: UpdateEncoder.js, Item.js, the
`Content*` classes, DeleteSet.js; docs/INTERNALS.md explains the structs) on top of lib0 (see cursor.py):

    update  = sections:uint section*  authors:uint deletions*
    section = structs:uint client:uint clock:uint struct*      clocks go up by the structs' lengths
    struct  = 0 length | 10 length | info [origin:id] [right:id] [parent] content
    info    = 5 bits of kind, 0x80 with origin, 0x40 with right origin, 0x20 with a key in the parent
    parent  = (1 name:text | 0 id) [key:text]                  only if there is neither origin nor right origin
    deletions = client:uint ranges:uint (clock:uint length:uint)*

Stricter than Yjs, where an editor never writes it and a decoder may die of it: no author and no deletions of one twice,
no length of zero, nothing after the end, clocks below 2³¹, ranges in order, no integer longer than needed, no
reference of a struct to itself or to what its author wrote later. Unknown kinds are refused, and so are two known
ones: JSON of Yjs before version 13 and XML hooks, which yrs misreads.
"""

from __future__ import annotations

from typing import NamedTuple

from archive.yjs.cursor import CLOCK_END, Cursor
from archive.yjs.errors import Malformed
from archive.yjs.limits import LIMITS, Limits
from archive.yjs.nesting import Chains, Id, Link
from archive.yjs.values import Values

_GC, _DELETED, _BINARY, _STRING, _EMBED, _FORMAT, _TYPE, _ANY, _DOC, _SKIP = 0, 1, 3, 4, 5, 6, 7, 8, 9, 10
_ORIGIN, _RIGHT, _KEY, _KIND = 0x80, 0x40, 0x20, 0x1F
_XML_ELEMENT = 3
_TYPES = frozenset({0, 1, 2, _XML_ELEMENT, 4, 6})
"""Array, map, text, XML element, XML fragment, XML text."""
_HOLDING = frozenset({_DELETED, _TYPE})


class Span(NamedTuple):
    """Clocks of one client: from `start` to before `end`."""

    client: int
    start: int
    end: int


class Need(NamedTuple):
    """Every clock of `client` below `clock` has to be there first."""

    client: int
    clock: int


class Update(NamedTuple):
    """What an update holds. A tuple, which is made five times as fast as a frozen dataclass.

    spans: the structs' clocks, one span for each client; more only where the update itself says that clocks are
    missing between (Yjs writes such gaps for what waits for something). By client in the update's order, ascending.
    needs: what must be there before all of it takes effect, at most one for a client: what structs refer to and what is
    deleted, as far as its spans and what lies before their starts do not provide it.
    deletes: what it deletes, each client's in ascending order, never overlapping.
    structs: the number of structs. values: of JSON-like values. depth: their deepest level.
    nesting: the longest chain of types in types that this update alone shows.
    """

    spans: tuple[Span, ...] = ()
    needs: tuple[Need, ...] = ()
    deletes: tuple[Span, ...] = ()
    structs: int = 0
    values: int = 0
    depth: int = 0
    nesting: int = 0

    @property
    def empty(self) -> bool:
        """It changes nothing, in any document."""
        return not self.spans and not self.deletes


def read(update: bytes, limits: Limits = LIMITS) -> Update:
    """What an update holds. Pure, linear in its size, about 5 µs for a keystroke. Raises Malformed or OverLimit.

    What it accepts, the functions of pycrdt that need no document (archive/yjs/merging.py) can take. It says nothing
    about what happens where it is integrated: that is for the sandbox of the worker.
    """
    if len(update) > limits.bytes:
        limits.check("bytes", len(update))
    try:
        return _Reading(update, limits).update()
    except IndexError as fault:
        raise Malformed("it ends too early") from fault


class _Reading:
    """One run of the reader."""

    __slots__ = ("cursor", "deletes", "inner", "limits", "links", "refs", "spans", "structs", "types", "values")

    def __init__(self, update: bytes, limits: Limits) -> None:
        self.cursor = Cursor(update)
        self.limits = limits
        self.values = Values(limits)
        self.links: dict[int, list[Link]] = {}
        self.spans: list[Span] = []
        self.deletes: list[Span] = []
        self.refs: dict[int, int] = {}  # of each client, the end of what is referred to
        self.structs = 0
        self.types = 0
        self.inner = False  # an item names the id of its parent

    def update(self) -> Update:
        self._sections()
        self._deletions()
        self.cursor.end()
        nesting = Chains(self.links).longest(self.limits) if self.inner else min(self.types, 1)
        return Update(
            tuple(self.spans),
            self._needs(),
            tuple(self.deletes),
            self.structs,
            self.values.count,
            self.values.deepest,
            nesting,
        )

    def _sections(self) -> None:
        cursor, limits = self.cursor, self.limits
        sections = cursor.count(5)  # three numbers and at least one struct of two bytes
        if sections > limits.clients:
            limits.check("clients", sections)
        for _ in range(sections):
            structs = cursor.count(2)
            self.structs += structs
            if self.structs > limits.structs:
                limits.check("structs", self.structs)
            client = cursor.client()
            if client in self.links:
                raise Malformed("a client has two sections")
            self._section(client, structs)

    def _section(self, client: int, structs: int) -> None:
        if not structs:
            raise Malformed("a section without structs")
        cursor = self.cursor
        links = self.links[client] = []
        start = clock = cursor.clock()
        for _ in range(structs):
            info = cursor.byte()
            if info in (_GC, _SKIP):
                links.append((clock, True, False, None, None))
                end = _advanced(clock, cursor.clock())
                if info == _SKIP:
                    self._span(client, start, clock)
                    start = end
                clock = end
            else:
                links.append(self._link(info, client, clock))
                clock = _advanced(clock, self._content(info & _KIND))
        links.append((clock, True, False, None, None))
        self._span(client, start, clock)

    def _span(self, client: int, start: int, end: int) -> None:
        if end > start:
            self.spans.append(Span(client, start, end))

    def _link(self, info: int, client: int, clock: int) -> Link:
        """Read what stands between an item's info and its content: where it belongs."""
        kind = info & _KIND
        beside, parent = None, None
        if info & _ORIGIN:
            beside = self._reference(client, clock)
        if info & _RIGHT:
            right = self._reference(client, clock)
            beside = beside or right
        if beside is None:
            parent = self._parent(info, client, clock)
        if kind == _TYPE:
            self.types += 1
        return clock, kind in _HOLDING, kind == _TYPE, parent, beside

    def _parent(self, info: int, client: int, clock: int) -> Id | None:
        """Read a parent's name, for which it returns None, or its id; and the key in it."""
        cursor, parent = self.cursor, None
        named = cursor.byte()
        if named > 1:
            raise Malformed("a parent of an unknown kind")
        if named:
            cursor.text()
        else:
            parent = self._reference(client, clock)
            self.inner = True
        if info & _KEY:
            cursor.text()
        return parent

    def _reference(self, client: int, clock: int) -> Id:
        """Read the id of what an item at (client, clock) refers to."""
        target, at = self.cursor.client(), self.cursor.clock()
        if target != client:
            if self.refs.get(target, 0) <= at:
                self.refs[target] = at + 1
        elif at >= clock:
            raise Malformed("a struct refers to what its author wrote later")
        return target, at

    def _content(self, kind: int) -> int:
        """Read an item's content; returns its length in clocks."""
        cursor = self.cursor
        if kind == _STRING:
            return _utf16_length(cursor.text())
        if kind == _DELETED:
            return cursor.clock()
        if kind == _ANY:
            return self.values.run(cursor)
        if kind == _TYPE:
            self._type()
        elif kind == _FORMAT:
            cursor.text()
            self.values.json(cursor)
        elif kind == _EMBED:
            self.values.json(cursor)
        elif kind == _BINARY:
            cursor.blob()
        elif kind == _DOC:
            cursor.text()
            self.values.options(cursor)
        else:
            raise Malformed("a struct of an unknown kind")
        return 1

    def _type(self) -> None:
        kind = self.cursor.byte()
        if kind not in _TYPES:
            raise Malformed("a type of an unknown kind")
        if kind == _XML_ELEMENT:
            self.cursor.text()

    def _deletions(self) -> None:
        cursor = self.cursor
        authors = cursor.count(4)  # a client, a number, and at least one range
        if not authors:
            return
        self.limits.check("clients", authors)
        seen = set()
        for _ in range(authors):
            client = cursor.client()
            if client in seen:
                raise Malformed("a client's deletions come twice")
            seen.add(client)
            self._ranges(client, cursor.count(2))

    def _ranges(self, client: int, ranges: int) -> None:
        self.limits.check("deletes", len(self.deletes) + ranges)
        cursor, end = self.cursor, 0
        for _ in range(ranges):
            start = cursor.clock()
            if start < end:
                raise Malformed("deletions are out of order")
            end = _advanced(start, cursor.clock())
            self.deletes.append(Span(client, start, end))
        if not ranges:
            raise Malformed("a client without deletions among them")
        if self.refs.get(client, 0) < end:
            self.refs[client] = end

    def _needs(self) -> tuple[Need, ...]:
        """References to what lies in a span, or before it, are no needs: a span needs all before its start anyway."""
        if not self.refs:
            return ()
        ends = {span.client: span.end for span in self.spans}
        return tuple(Need(client, end) for client, end in self.refs.items() if end > ends.get(client, 0))


def _advanced(clock: int, length: int) -> int:
    if not length:
        raise Malformed("a length of zero")
    clock += length
    if clock >= CLOCK_END:
        raise Malformed("a clock is too large")
    return clock


def _utf16_length(text: str) -> int:
    """Yjs counts as JavaScript does: a character beyond the first 65,536 is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
