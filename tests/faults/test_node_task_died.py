"""A node that has lost one of its tasks does not serve on: its process ends, to be started again."""

from __future__ import annotations

from streams.append import NewEntry
from streams.keys import CONTROL_ROOM
from streams.link import Link
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import running_appender


async def test_a_node_whose_tail_dies_says_why_and_ends_its_process(fleet: Fleet, link: Link) -> None:
    node = await fleet.node()
    async with running_appender(link) as appender:
        await appender.append(NewEntry(CONTROL_ROOM, "order", b"no JSON"))
    process = node.process
    assert process is not None
    await eventually(lambda: process.poll() is not None)
    assert process.returncode != 0
    assert "a task of the node died" in node.text()
    assert "JSONDecodeError" in node.text()
