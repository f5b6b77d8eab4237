"""Throws hostile updates at the reader, and what it lets pass at the functions that need no document.

    python -m tests.support.hostile SEED COUNT

Prints {"inputs", "accepted", "refused": {reason: number}} as JSON. Any fault of those functions ends it with a
traceback, or kills it: it is a process of its own for that.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random

from pycrdt import get_state

from archive.yjs import Malformed, OverLimit, Update, Vector, decode_vector, diff, read, tree_merge, vector_of
from tests.support.histories import pycrdt_history
from tests.support.senseless import mutated, senseless

KEPT = 6


def main(seed: int, count: int) -> None:
    refused: Counter[str] = Counter()
    accepted: list[bytes] = []
    total = 0
    random = Random(seed)
    for update in inputs(random, count):
        try:
            found = read(update)
        except (Malformed, OverLimit) as fault:
            refused[str(fault)] += 1
            continue
        total += 1
        accepted = [*accepted[1 - KEPT :], update]
        endure(update, found, accepted, random)
    json.dump({"inputs": count, "accepted": total, "refused": dict(refused.most_common())}, sys.stdout)


def inputs(random: Random, count: int) -> Iterator[bytes]:
    """Half of them real ones that were changed, some noise behind a plausible head, the rest senseless."""
    real = [update for seed in range(8) for update in pycrdt_history(seed)]
    clocks: dict[int, int] = {}
    for _ in range(count):
        match random.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                yield mutated(random.choice(real), random)
            case 5:
                yield b"\x01\x01\x05\x00" + random.randbytes(random.randrange(40))
            case 6:
                yield mutated(senseless(random, clocks), random)
            case _:
                if random.random() < 0.1:
                    clocks = {}
                yield senseless(random, clocks)


def endure(update: bytes, found: Update, company: list[bytes], random: Random) -> None:
    """Everything that a node does with an update. What comes out can be worked on further."""
    if decode_vector(get_state(update)) != vector_of(found):
        raise AssertionError(f"two vectors: {update.hex()}")
    vector = Vector({client: random.randint(0, end + 1) for client, _, end in found.spans})
    diff(update, vector)
    merged = tree_merge(company, random.choice((2, 3, KEPT)))
    diff(merged, vector)
    get_state(merged)
    tree_merge([merged, update, diff(merged, vector)])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
