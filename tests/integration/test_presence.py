"""Presence, typing and usage, over two nodes and for nodes that die."""

from __future__ import annotations

from tests.support.nodes import Api, Fleet, eventually
from tests.support.people import Person, people


async def test_a_chat_is_told_who_is_present_on_every_node(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url)
        chat = await api.new_chat()
        async with people(Person("alice"), Person("root", role="admin", name="The Root")) as (alice, root):
            await alice.at(one.url)
            await root.at(two.url)
            assert await alice.chat(chat, "join") is True
            await alice.sees("alice")
            assert await root.chat(chat, "join") is True
            await alice.sees("alice", "root")
            await root.sees("alice", "root")
            assert {"id": "root", "name": "The Root"} in alice.of("chat:presence")[-1]["data"]["data"]["users"]
            assert await one.node.presence.users(f"chat:{chat}") == {"alice": "Alice", "root": "The Root"}
            assert await root.chat(chat, "leave") is True
            await alice.sees("alice")
            assert await root.chat(chat, "join") is True
            await alice.sees("alice", "root")
            await root.vanish()
            await alice.sees("alice")
        await api.aclose()


async def test_a_user_with_two_tabs_is_present_until_both_are_gone(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url)
        chat = await api.new_chat()
        async with people(Person("alice"), Person("root", role="admin"), Person("root", role="admin")) as persons:
            alice, first, second = persons
            for person, node in zip(persons, (one, one, two), strict=True):
                await person.at(node.url)
                assert await person.chat(chat, "join") is True
            await alice.sees("alice", "root")
            told = len(alice.of("chat:presence"))
            await first.disconnect()
            await eventually(lambda: len(alice.of("chat:presence")) > told)
            assert alice.present() == {"alice", "root"}
            await second.disconnect()
            await alice.sees("alice")
        await api.aclose()


async def test_the_sessions_of_a_killed_node_vanish_by_themselves_and_the_chat_is_told(fleet: Fleet) -> None:
    doomed = await fleet.node(presence_ttl_s=2)
    async with fleet.inside(presence_ttl_s=2) as one:
        api = Api(one.url)
        chat = await api.new_chat()
        async with people(Person("alice"), Person("root", role="admin")) as (alice, root):
            await alice.at(one.url)
            await root.at(doomed.url)
            await alice.chat(chat, "join")
            await root.chat(chat, "join")
            await alice.sees("alice", "root")
            assert await one.node.pool.user_count() == 2
            doomed.kill()
            await alice.sees("alice")
            await eventually(lambda: _counts(one, 1))
            assert await one.node.pool.newest_of("root") is None
        await api.aclose()


async def _counts(node: object, number: int) -> bool:
    return bool(await node.node.pool.user_count() == number)  # type: ignore[attr-defined]


async def test_typing_reaches_the_other_members_only_and_only_from_members(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url)
        chat = await api.new_chat()
        async with people(Person("alice"), Person("root", role="admin"), Person("bob")) as (alice, root, bob):
            await alice.at(one.url)
            await root.at(two.url)
            await bob.at(two.url)
            await alice.chat(chat, "join")
            assert await root.chat(chat, "typing", typing=True) is False
            await root.chat(chat, "join")
            assert await bob.chat(chat, "join") is False
            assert await bob.chat(chat, "typing", typing=True) is False
            assert await root.chat(chat, "typing", typing=True) is True
            await eventually(lambda: alice.of("typing"))
            typing = alice.of("typing")[0]
            assert typing["user"] == {"id": "root", "name": "Root"}
            assert typing["chat_id"] == chat
            assert typing["data"]["data"] == {"typing": True}
            assert not root.of("typing")
            assert await root.chat(chat, "typing") is False, "typing needs its data"
            assert not bob.of("typing")
            assert not bob.of("chat:presence")
        await api.aclose()


async def test_models_in_use_are_told_by_any_node_and_forgotten_seconds_later(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(two.url)
        async with people(Person("alice"), Person("bob")) as (alice, bob):
            await alice.at(one.url)
            await bob.at(two.url)
            await alice.emit("usage", {"model": "llama", "action": "chat", "chat_id": "c"})
            await bob.emit("usage", {"model": "gpt"})

            async def usage() -> dict[str, object]:
                return dict((await api.client.get("/api/usage")).json())

            async def both() -> bool:
                return await usage() == {"model_ids": ["gpt", "llama"], "user_count": 2}

            async def none() -> bool:
                return (await usage())["model_ids"] == []

            await eventually(both)
            await bob.emit("usage", {"model": ["no", "name"]})
            await eventually(lambda: any(event == "error" for event, _ in bob.got))
            await eventually(none)
            await bob.disconnect()
            assert (await usage())["user_count"] == 1
        assert (await api.client.get("/api/usage", headers={"Authorization": ""})).status_code == 401
        await api.aclose()


async def test_a_viewer_who_was_away_resumes_with_every_copy(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url)
        chat = await api.new_chat()
        async with people(Person("root", role="admin")) as (root,):
            await root.at(one.url)
            await root.chat(chat, "join")
            await api.emit(chat, "message", {"content": "0"})
            await eventually(lambda: len(root.of("message")) == 1)
            await root.vanish()
            await eventually(lambda: not one.node.sessions.by_sid)
            await api.emit(chat, "message", {"content": "1"})
            await root.at(two.url)
            assert root.recovered
            await api.emit(chat, "message", {"content": "2"})
            await eventually(lambda: len(root.of("message")) >= 3)
            assert [body["data"]["data"]["content"] for body in root.of("message")] == ["0", "1", "2"]
        await api.aclose()
