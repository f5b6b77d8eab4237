"""What opening a chat costs does not depend on how many sessions there are: commands are counted, not timed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from registry.pool import Pool, Pooled
from tests.support.nodes import Api, Fleet, LocalNode
from tests.support.people import Person, people

BACKGROUND = {"ping", "info", "xread", "config|resetstat", "client|setinfo"}
SCANS = {"keys", "scan", "hscan", "sscan", "zscan", "hgetall", "smembers", "hvals", "hkeys"}


async def commands(node: LocalNode, act: Callable[[], Awaitable[Any]]) -> Counter[str]:
    """The commands, those of scripts included, that Redis ran while `act` did."""
    client = node.node.link.client(connections=1)
    await client.config_resetstat()
    await act()
    stats = await client.info("commandstats")
    found = Counter({name.removeprefix("cmdstat_"): int(facts["calls"]) for name, facts in stats.items()})
    return Counter({name: count for name, count in found.items() if name not in BACKGROUND})


async def quiet(node: LocalNode) -> None:
    """Keep the node's own loops, and new connections, from running commands while others are counted."""

    async def nothing() -> None:
        return None

    node.node.self_report.send = nothing  # type: ignore[method-assign]
    node.node.token_watch.disconnect_revoked = nothing  # type: ignore[method-assign]
    node.node.sessions.refresh = nothing  # type: ignore[method-assign]
    client = node.node.health._client
    await asyncio.gather(*(client.ping() for _ in range(32)))  # every connection of its pool is made, and greeted


async def costs(node: LocalNode, api: Api) -> dict[str, Counter[str]]:
    """What each action costs now, once its parts are warm."""
    chat = await api.new_chat()
    found: dict[str, Counter[str]] = {}
    async with people(Person("alice"), Person("root", role="admin"), Person("carol")) as (alice, root, carol):
        await alice.at(node.url)
        await root.at(node.url)
        await alice.chat(chat, "join")
        await root.chat(chat, "join")
        await root.chat(chat, "leave")
        found["open a chat"] = await commands(node, lambda: api.chat(chat))
        found["join"] = await commands(node, lambda: root.chat(chat, "join"))
        found["presence update"] = await commands(node, lambda: root.chat(chat, "join"))
        found["typing"] = await commands(node, lambda: root.chat(chat, "typing", typing=True))
        found["leave"] = await commands(node, lambda: root.chat(chat, "leave"))
        found["usage"] = await commands(node, lambda: api.client.get("/api/usage"))
        found["connect"] = await commands(node, lambda: carol.at(node.url))
    return found


async def test_a_pool_of_5000_sessions_makes_nothing_dearer(own_fleet: Fleet) -> None:
    async with own_fleet.inside(presence_ttl_s=300) as node:
        await quiet(node)
        api = Api(node.url)
        await costs(node, api)
        few = await costs(node, api)
        pool = Pool(node.node.link.keys, node.node.link.client(connections=2), 300)
        for number in range(5000):
            await pool.enter(Pooled(f"s{number}", f"user{number % 1000}", "node-x/1"))
        assert await pool.user_count() >= 1000
        many = await costs(node, api)
        assert many == few
        for action, counted in many.items():
            assert not SCANS & set(counted), f"{action} walks over something: {counted}"
            assert 0 < sum(counted.values()) < 40, f"{action}: {counted}"
        await api.aclose()
