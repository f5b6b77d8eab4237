"""Redis is killed and restarted, emptied, or replaced by a replica that lacks the newest entries."""

from __future__ import annotations

import shutil
import time

import pytest

from streams.entry import Position
from streams.keys import Keys
from tests.contract.clients import Listener, calling, listening
from tests.support.nodes import Fleet, eventually, token
from tests.support.valkey import ValkeyServer


async def test_after_a_restart_from_its_file_old_positions_are_not_recovered_and_live_clients_are_reset(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    async with own_fleet.inside() as node, listening(node.url) as live, calling(node.url) as api:
        chat = await api.new_chat()
        async with Listener() as away:
            await away.open(node.url, token())
            last = Position.parse(await api.emit(chat, "message", {"content": "a"}))
            await eventually(lambda: live.contents == away.contents == ["a"])
            pid = away.pid
            await away.drop()
            own_valkey.kill()
            own_valkey.start()
            await eventually(lambda: live.of("room:reset"))
            assert live.of("room:reset")[0]["rooms"] == ["user:alice"]
            await _reset(away, node.url, pid)
            after = Position.parse(await api.emit(chat, "message", {"content": "b"}))
            assert after > last
            await eventually(lambda: live.contents == away.contents == ["a", "b"])
            assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "ab"


async def test_an_emptied_redis_resets_everybody_and_goes_on_above_every_old_position(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    worker = own_fleet.worker()
    async with own_fleet.inside() as node, listening(node.url) as live, calling(node.url) as api:
        chat = await api.new_chat()
        async with Listener() as away:
            await away.open(node.url, token())
            answer = await api.client.post(
                f"/api/v1/chats/{chat}/messages/m1/event?ack=sql", json={"type": "message", "data": {"content": "a"}}
            )
            last = Position.parse(answer.json()["position"])
            await eventually(lambda: live.contents == away.contents == ["a"])
            pid = away.pid
            await away.drop()
            with own_valkey.client() as redis:
                redis.flushall()
            await _reset(away, node.url, pid)
            await eventually(lambda: live.of("room:reset"))
            assert Position.parse(live.of("room:reset")[0]["position"]) > last
            after = Position.parse(await api.emit(chat, "message", {"content": "b"}))
            assert after > last
            await eventually(lambda: live.contents == away.contents == ["a", "b"])
            assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "ab"
    worker.stop()


@pytest.mark.parametrize("survivors", ["the node lives on", "a new node, which knows no position"])
async def test_a_new_primary_that_lacks_the_tail_and_is_2_s_behind_skips_nothing_silently(
    own_fleet: Fleet, own_valkey: ValkeyServer, survivors: str
) -> None:
    node = await own_fleet.node()
    async with calling(node.url) as api:
        chat = await api.new_chat()
        async with Listener() as client:
            await client.open(node.url, token())
            await api.emit(chat, "message", {"content": "kept "})
            older = own_valkey.folder / "older"
            shutil.copytree(own_valkey.folder / "appendonlydir", older)
            _hurry(own_valkey, Keys(own_fleet.key_prefix), 2000)
            lost = Position.parse(await api.emit(chat, "message", {"content": "lost "}))
            assert lost.ms > time.time() * 1000 + 1000
            await eventually(lambda: client.contents == ["kept ", "lost "])
            pid = client.pid

            own_valkey.kill()
            shutil.rmtree(own_valkey.folder / "appendonlydir")
            older.rename(own_valkey.folder / "appendonlydir")
            if survivors == "the node lives on":
                own_valkey.start()
                await eventually(lambda: client.of("room:reset"))
                await client.drop()
            else:
                node.kill()
                await eventually(lambda: not client.connected)
                own_valkey.start()
                node.start()
                await node.ready()
            await _reset(client, node.url, pid)
            after = Position.parse(await api.emit(chat, "message", {"content": "new"}))
            assert after > lost
            await eventually(lambda: client.contents == ["kept ", "lost ", "new"])
            snapshot = await api.chat(chat)
            assert snapshot["chat"]["history"]["messages"]["m1"]["content"] == "kept new"
            assert Position.parse(snapshot["position"]) >= after


async def _reset(client: Listener, url: str, pid: str | None) -> None:
    """Come back with an old position: a new session, and told so."""
    told = len(client.of("room:reset"))
    await client.open(url, token())
    assert not client.recovered
    assert client.pid != pid
    await eventually(lambda: len(client.of("room:reset")) > told)
    assert client.of("room:reset")[-1]["rooms"] == ["user:alice"]


def _hurry(server: ValkeyServer, keys: Keys, ms: int) -> None:
    """Put the shard's clock ahead of the time of day, as a primary is whose own clock is."""
    with server.client() as redis:
        position = f"{int(time.time() * 1000) + ms}-0"
        fields = {"r": "system:test", "e": "test", "d": "{}", "p": "0-0", "s": "", "q": ""}
        redis.xadd(keys.log, fields, id=position)
