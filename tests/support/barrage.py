"""Throws hostile updates at a node over sockets, and checks what it answers to each.

    python -m tests.support.barrage URL NOTE SEED COUNT SOCKETS

Half are real ones that were changed, the rest has a grammar and no sense (tests/support/hostile.py); among them, in
every encoding, each bomb of tests/support/bombs.py. A process of its own, so that it takes nobody's turn. Prints
{"sent", "seconds", "answers": {what: number}, "wrong": [what was answered other than the reader says]} as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from archive.yjs import Limits, Malformed, OverLimit, read
from cli.resuming import ResumingClient
from tests.support import bombs
from tests.support.hostile import inputs
from tests.support.nodes import token

USER = "mallory"
AS_SET = Limits(bytes=1 << 20)
PASSED = ("position", "resync", "busy", "too_large", "invalid")
"""What becomes of an update that the reader accepts; invalid: what is left of it without what the log has is none."""

REJOIN = 500
"""A socket joins again after so many updates, with a vector of its own fancy: the next one is compared with the log."""

ENCODINGS = (bytes, list, lambda update: base64.b64encode(update).decode())


def all_bombs() -> dict[str, bytes]:
    """Every bomb, at the size at which it hurts."""
    return {
        "values in values": bombs.nested_values(30_000),
        "maps in maps": bombs.nested_maps(30_000),
        "types in types, deleted": bombs.nested_types(50_000),
        "a run of items": bombs.typing_run(100_000),
        "every second deleted": bombs.every_second_deleted(400_000),
        "many values": bombs.MANY_VALUES,
        "a clock that wraps": bombs.LATE_CLOCK,
        "a tombstone that wraps": bombs.LONG_TOMBSTONE,
        "a struct inside a text": bombs.INSIDE_A_TEXT,
        **{f"a claim of {name}": data for name, data in bombs.CLAIMS.items()},
    }


@dataclass
class Barrage:
    """answers: how many of each kind. wrong: answers that do not fit what the reader says of the update."""

    url: str
    note_id: str
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def run(self, updates: Iterator[bytes], sockets: int, seed: int) -> None:
        """Throw all of them, by so many sockets at once."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(sockets):
                tasks.create_task(self._throw(updates, Random(seed + number)))

    async def _throw(self, updates: Iterator[bytes], random: Random) -> None:
        client = ResumingClient(reconnection=False)
        await client.open(self.url, token(USER), transports=["websocket"])
        for number, update in enumerate(updates):
            if number % REJOIN == 0:
                vector = bytes([1, random.randrange(128), random.randrange(128)])
                await self._call(client, "join", v=2, state_vector=vector)
            encoded = random.choice(ENCODINGS)(update)
            self._take(update, await self._call(client, "update", update=encoded, v=2))
        await client.disconnect()

    async def _call(self, client: ResumingClient, event: str, **more: Any) -> Any:
        body = {"document_id": f"note:{self.note_id}", **more}
        return await client.call(f"ydoc:document:{event}", body, timeout=30)

    def _take(self, update: bytes, answer: Any) -> None:
        """Count an answer, and compare it with what the reader says."""
        kind = answer.get("error") or next(iter(answer))
        reason = str(answer.get("message", ""))
        self.answers[f"{kind}: {reason}" if reason else kind] += 1
        try:
            read(update, AS_SET)
            right = kind in PASSED
        except Malformed as fault:
            right = kind == "invalid" and str(fault) in reason
        except OverLimit as fault:
            right = kind == "too_large" and fault.limit in str(answer["limit"])
        if not right:
            self.wrong.append(f"{update[:40].hex()} -> {str(answer)[:200]}")


def thrown(seed: int, count: int) -> Iterator[bytes]:
    """The updates: `count` of them, and the bombs in between, each three times."""
    hostile = inputs(Random(seed), count)
    for bomb in [*all_bombs().values()] * 3:
        yield from (update for update, _ in zip(hostile, range(count // 60), strict=False))
        yield bomb
    yield from hostile


async def main(url: str, note_id: str, seed: int, count: int, sockets: int) -> None:
    barrage = Barrage(url, note_id)
    began = time.monotonic()
    await barrage.run(thrown(seed, count), sockets, seed)
    answers = dict(barrage.answers.most_common())
    figures = {"sent": barrage.answers.total(), "seconds": round(time.monotonic() - began, 1), "answers": answers}
    json.dump(figures | {"wrong": barrage.wrong}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))
