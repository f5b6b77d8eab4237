"""The process that samples dies: another goes on, and the hour before is still there. It does not die of sampling."""

from __future__ import annotations

from typing import Any

import pytest

from oversight.samples import SLOTS
from streams.keys import Keys
from tests.contract.clients import calling
from tests.support.admins import overseeing
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import ValkeyServer


def sampled(history: Any, name: str = "rooms") -> list[int]:
    """Unix s of the steps that have a value."""
    values, begin = history["series"][name]["values"], history["from_ms"] // 1000
    assert len(values) == SLOTS
    return [begin + number * history["step_s"] for number, value in enumerate(values) if value is not None]


async def test_the_history_survives_the_node_that_samples(fleet: Fleet) -> None:
    doomed = await fleet.node()
    async with fleet.inside() as node, overseeing(node.url) as admin:

        async def steps() -> list[int]:
            return sampled(await admin.get("history"))

        before = await eventually(steps, 30)
        doomed.kill()
        chat = await admin.new_chat()
        await admin.emit(chat, "message", {"content": "after"})

        async def two_more() -> Any:
            return await steps() if len(set(await steps()) - set(before)) >= 2 else None

        after = await eventually(two_more, 60)
        assert set(before) <= set(after), "what the dead node sampled is still there"

        async def rate() -> Any:
            told = await admin.get("history")
            return sampled(told, "appended_s") and [value for value in told["series"]["appended_s"]["values"] if value]

        assert await eventually(rate, 30), "appends since then were counted over the death"
        client = node.node.link.client(connections=1)
        assert await client.xlen(node.node.link.keys.samples) <= SLOTS + 1
        assert await client.ttl(node.node.link.keys.samples) > 0


async def test_a_report_that_cannot_be_read_costs_samples_and_no_node(
    fleet: Fleet, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    with valkey.client() as redis:
        redis.hset(Keys(fleet.key_prefix).nodes, "odd", b"{}")
    async with fleet.inside() as node, calling(node.url) as api:
        await eventually(lambda: "no sample could be made" in caplog.text)
        assert await api.new_chat()
