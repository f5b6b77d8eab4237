"""A node that has lost one of its tasks does not serve on: its process ends, to be started again."""

from __future__ import annotations

import pytest

from streams.append import NewEntry
from streams.keys import CONTROL_ROOM, Keys
from streams.link import Link
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import ValkeyServer, running_appender


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


async def test_a_node_that_may_not_report_itself_does_not_start_and_says_why_in_one_line(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    keys = Keys(own_fleet.key_prefix)
    with own_valkey.client() as redis:
        redis.acl_setuser("shy", True, passwords=["+pw"], categories=["+@all"], keys=[keys.epoch, keys.log, keys.heads])
    own_fleet.redis_url = f"redis://shy:pw@127.0.0.1:{own_valkey.port}"
    with pytest.raises(AssertionError):
        await own_fleet.node()
    (node,) = own_fleet.processes
    assert "roomlog: the log refused" in node.text()
    assert "Traceback" not in node.text()
