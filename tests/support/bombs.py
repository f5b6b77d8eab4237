"""Updates that were made to hurt: what each does to pycrdt 0.14 is said beside it."""

from __future__ import annotations

from archive.yjs.cursor import write_uint

CLIENT = b"\x05"
ROOT = b"\x01\x01t"


def update(*structs: bytes, clock: int = 0, deletes: bytes = b"\0", client: bytes = CLIENT) -> bytes:
    """An update with one section."""
    return b"\x01" + write_uint(len(structs)) + client + write_uint(clock) + b"".join(structs) + deletes


def text(value: str, origin: int | None = None) -> bytes:
    """A string item, in the root type `t` or behind a clock of the same client."""
    place = b"\x04" + ROOT if origin is None else b"\x84" + CLIENT + write_uint(origin)
    data = value.encode()
    return place + write_uint(len(data)) + data


def nested_values(levels: int) -> bytes:
    """From 30,000 on: a segmentation fault while it is decoded."""
    return update(b"\x08" + ROOT + b"\x01" + b"\x75\x01" * levels + b"\x7e")


def nested_maps(levels: int) -> bytes:
    return update(b"\x08" + ROOT + b"\x01" + b"\x76\x01\x01k" * levels + b"\x7e")


def nested_types(levels: int) -> bytes:
    """And the first deleted. From 50,000 on: a segmentation fault in the deletion."""
    inner = (b"\x07\x00" + CLIENT + write_uint(clock) + b"\x00" for clock in range(levels - 1))
    return update(b"\x07" + ROOT + b"\x00", *inner, deletes=b"\x01" + CLIENT + b"\x01\x00\x01")


def typing_run(characters: int) -> bytes:
    """One item for each character, in one update: the square of their number. 40,000: 1 s and 1 GB; 100,000: 15 s."""
    return update(text("a"), *(text("a", clock) for clock in range(characters - 1)))


def every_second_deleted(characters: int) -> bytes:
    """The square again. 400,000: 2.3 s."""
    ranges = b"".join(write_uint(clock) + b"\x01" for clock in range(0, characters, 2))
    deletes = b"\x01" + CLIENT + write_uint((characters + 1) // 2) + ranges
    return update(text("a" * characters), deletes=deletes)


LATE_CLOCK = update(text("a"), clock=2**32 - 1)
"""PanicException in a document that is not empty."""

LONG_TOMBSTONE = update(b"\0" + write_uint(2**32 - 2), text("a", 0))
"""A division by zero, in get_update too."""

INSIDE_A_TEXT = update(text("a"), b"\x04\x00" + CLIENT + b"\x00" + b"\x01b")
"""RuntimeError; what stood before it in the update stays."""

CLAIMS = {
    "values": update(b"\x08" + ROOT + write_uint(2**32 - 1) + b"\x7e"),
    "entries": update(b"\x08" + ROOT + b"\x01\x76" + write_uint(2**40)),
    "items": update(b"\x08" + ROOT + b"\x01\x75" + write_uint(2**40)),
    "ranges": b"\0\x01" + CLIENT + write_uint(2**32 - 1),
    "sections": write_uint(2**32 - 1) + b"\0\0",
    "authors": b"\0" + write_uint(2**32 - 1),
    "bytes": update(b"\x03" + ROOT + write_uint(2**32 - 1)),
}
"""Counts that nothing follows: some are allocated before anybody looks."""

MANY_VALUES = update(b"\x08" + ROOT + write_uint(1_000_000) + b"\x7e" * 1_000_000)
"""24 MB of memory for 1 MB."""

HALF_A_PAIR_DELETED = [update(text("a😀b")), b"\0\x01" + CLIENT + b"\x01\x01\x01", update(text("tail", 3), clock=4)]
"""No bomb: an editor wrote it. The document's own state of it is one clock short."""

UNREFERENCED = [update(text("ab")), update(text("x", 4), clock=5)]
"""No bomb: the second waits for clocks 2 to 4. A document gives out the first alone."""

DEADLY = [
    "010301000401017406c3a9f09f98806701020207010b70726f73656d6972726f720400",
    "0203ac020047010001870103020700ac02000004020004010b70726f73656d6972726f7208f09f9880f09f9880870201"
    "060400ac02010f78797a78797a78797a78797a78797aa901040167760000",
    "0102ac02038701000009000103016776000102010706",
    "0105010569020c016776010267637903010174002400ac0203016108f09f9880f09f988067ac02020407010178060201010a01ac02010302",
]
"""Found by search: the reader and the gap rule let all four pass. Where the first three are stored, the fourth makes
pycrdt 0.14.13 read memory that is not its own: in 24 runs 7 ended with SIGSEGV, 17 with a PanicException."""
