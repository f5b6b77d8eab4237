"""The shard's log is emptied under a tail that reads it."""

from __future__ import annotations

import asyncio

from streams.append import NewEntry
from streams.ending import end
from streams.entry import Entry, Position
from streams.link import Link, open_epoch
from streams.tail import READ_ENTRIES, Tail
from tests.support.nodes import eventually
from tests.support.valkey import running_appender


async def test_a_log_that_is_emptied_behind_a_full_read_is_a_new_epoch_and_no_end(link: Link) -> None:
    seen: list[Entry] = []
    lost: list[tuple[Position, Position]] = []
    epochs: list[Position] = []
    wanted = [b"chat:c"]
    tail = Tail(link, wanted, lambda got, _: seen.extend(got), lambda *gap: lost.append(gap), epochs.append, pause_s=0)
    await tail.start()
    before = tail.position
    running = asyncio.create_task(tail.run())
    for _ in range(2):  # a connection that is made later looks after the log by itself
        read_at = tail.read_at
        await eventually(lambda: tail.read_at > read_at)  # noqa: B023  # it is awaited at once
    pipe = link.client(connections=2).pipeline(transaction=False)
    pipe.execute_command("MULTI")  # what waits for entries is answered behind all of them, and before they are gone
    for _ in range(READ_ENTRIES):
        pipe.xadd(link.keys.log, {"r": "chat:other", "e": "e", "d": "{}", "p": "0-0"})
    pipe.execute_command("EXEC")
    pipe.delete(link.keys.log)
    try:
        await pipe.execute(raise_on_error=False)
        await eventually(lambda: lost or running.done())
        assert not running.done(), running.exception()
        assert lost[0][0] == before
        assert epochs == [await open_epoch(link.client(), link)]
        assert before < epochs[0] <= tail.position
        async with running_appender(link) as appender:
            position = (await appender.append(NewEntry("chat:c", "e", b"{}"))).position
        await eventually(lambda: [entry.position for entry in seen] == [position])
    finally:
        await end([running])
