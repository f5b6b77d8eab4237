"""Updates that nobody wrote: real ones with bytes changed, and ones with a grammar and no sense. All from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from archive.yjs.cursor import write_uint

CLIENTS = (1, 2, 300)
_TEXTS = ("a", "bc", "é😀", "😀😀", "xyz" * 5)
_VALUES = (b"\x7e", b"\x7d\x05", b"\x77\x01v", b"\x75\x02\x7e\x78", b"\x76\x01\x01k\x7d\x01", b"\x7b" + b"\x40" * 8)
_JSON = (b"null", b"true", b'{"a":1}', b'"x"', b"[1,2]", b"18446744073709551615", b"-1.5e3")
_KEYS = (b"\x01a", b"\x04bold", b"\x00")
_BYTES = (0, 1, 2, 4, 7, 8, 10, 0x24, 0x28, 0x44, 0x7F, 0x80, 0x84, 0xC4, 0xFF)


def mutated(update: bytes, random: Random) -> bytes:
    """The update with a few bytes changed, taken out or put in."""
    data = bytearray(update)
    for _ in range(random.choice((1, 1, 1, 2, 3, 5))):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                data[at : at + 1] = random.randbytes(1)
            case 1:
                data[at : at + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1])
            case 2:
                del data[at : at + random.randint(1, 3)]
            case 3:
                data[at:at] = bytes([random.choice(_BYTES)])
            case _:
                data[at : at + 1] = bytes([random.choice(_BYTES)])
    return bytes(data)


def senseless(random: Random, clocks: dict[int, int]) -> bytes:
    """A grammatical update with random references. clocks: of every client, what was written so far; it is advanced."""
    clients = random.sample(CLIENTS, random.choice((1, 1, 1, 2, 3)))
    sections = [_section(random, client, clocks) for client in clients]
    return write_uint(len(sections)) + b"".join(sections) + _deletions(random, clocks)


def _section(random: Random, client: int, clocks: dict[int, int]) -> bytes:
    start = clock = max(clocks.get(client, 0) + random.choice((0,) * 28 + (1, -1)), 0)
    structs = []
    for _ in range(random.randint(1, 4)):
        struct, length = _struct(random, client, clock, clocks)
        structs.append(struct)
        clock += length
        clocks[client] = max(clocks.get(client, 0), clock)
    return write_uint(len(structs)) + write_uint(client) + write_uint(start) + b"".join(structs)


def _struct(random: Random, client: int, clock: int, clocks: dict[int, int]) -> tuple[bytes, int]:
    if random.random() < 0.03:
        length = random.randint(1, 4)
        return bytes([random.choice((0, 0, 0, 10))]) + write_uint(length), length
    kind, content, length = _content(random)
    origin, right = random.random() < 0.55, random.random() < 0.25
    if not clock and not any(clocks.values()):
        origin = right = False  # there is nothing yet to refer to
    key = random.random() < 0.25
    info = kind | 0x80 * origin | 0x40 * right | 0x20 * key
    place = b"".join(_id(random, client, clock, clocks) for _ in range(origin + right))
    if not place:
        named = random.random() < 0.5 or not (clock or any(clocks.values()))
        place = b"\x01" + random.choice((b"\x01t", b"\x01x", b"\x0bprosemirror")) if named else b"\x00"
        place += b"" if named else _id(random, client, clock, clocks)
        place += random.choice(_KEYS[:2]) if key else b""
    return bytes([info]) + place + content, length


def _id(random: Random, client: int, clock: int, clocks: dict[int, int]) -> bytes:
    written = {**clocks, client: clock}
    target = random.choice([each for each in CLIENTS if written.get(each)] or [client])
    most = written[target]
    at = random.randrange(most) if most and random.random() < 0.99 else random.randint(0, 40)
    return write_uint(target) + write_uint(at)


def _content(random: Random) -> tuple[int, bytes, int]:
    """(kind, bytes, length)"""
    match random.choice((1, 3, 4, 4, 4, 5, 6, 7, 7, 7, 7, 8, 9)):
        case 1:
            length = random.randint(1, 5)
            return 1, write_uint(length), length
        case 3:
            return 3, _sized(random.randbytes(random.randrange(4))), 1
        case 4:
            text = random.choice(_TEXTS)
            return 4, _sized(text.encode()), len(text.encode("utf-16-le")) // 2
        case 5:
            return 5, _sized(random.choice(_JSON)), 1
        case 6:
            return 6, random.choice(_KEYS) + _sized(random.choice(_JSON)), 1
        case 7:
            kind = random.choice((0, 1, 2, 3, 4, 6))
            return 7, bytes([kind]) + (b"\x09paragraph" if kind == 3 else b""), 1
        case 8:
            values = random.choices(_VALUES, k=random.randint(1, 4))
            return 8, write_uint(len(values)) + b"".join(values), len(values)
        case _:
            return 9, b"\x01g" + random.choice((b"\x76\x00", b"\x76\x01\x02gc\x79")), 1


def _deletions(random: Random, clocks: dict[int, int]) -> bytes:
    clients = [client for client in CLIENTS if random.random() < 0.3]
    return write_uint(len(clients)) + b"".join(_ranges(random, client, clocks.get(client, 1)) for client in clients)


def _ranges(random: Random, client: int, most: int) -> bytes:
    """Mostly of what is there."""
    edges = sorted(random.sample(range(most + 1 + (random.random() < 0.03)), 2)) if most else [0, 1]
    return write_uint(client) + b"\x01" + write_uint(edges[0]) + write_uint(edges[1] - edges[0])


def _sized(data: bytes) -> bytes:
    return write_uint(len(data)) + data


def senseless_log(random: Random, length: int) -> Sequence[bytes]:
    """Updates that build on each other."""
    clocks: dict[int, int] = {}
    return [senseless(random, clocks) for _ in range(length)]
