"""What the stock page asks for around a completion: every route is there, and answers what the page goes on with."""

from __future__ import annotations

import pytest

from tests.contract.test_chats import folded, share
from tests.support.completions import ask, done
from tests.support.nodes import Api, Fleet, eventually

ASKED = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}


async def tags(api: Api, path: str) -> list[str]:
    answer = await api.client.get(path)
    assert answer.status_code == 200, answer.text
    return [tag["name"] for tag in answer.json()]


async def test_the_page_of_the_older_generation_finds_every_route_and_loses_nothing(fleet: Fleet) -> None:
    """Its order: completions, then, at `done`, chat/completed, the whole history posted, and the list and tags."""
    async with fleet.inside(echo_words_s=1000) as one, fleet.inside() as two:
        api, there = Api(one.url), Api(two.url)
        chat = await api.new_chat()
        question = {"id": "q", "role": "user", "content": "one two three", "childrenIds": ["m1"]}
        await api.client.post(f"/api/v1/chats/{chat}", json={"chat": {"history": {"messages": {"q": question}}}})
        await ask(api, chat, parent_id="q", background_tasks=ASKED)
        answer = await done(api, chat)
        said = [question, {"id": "m1", "role": "assistant", "content": answer["content"]}]
        body = {"model": "m", "messages": said, "chat_id": chat, "session_id": "s", "id": "m1", "filter_ids": []}
        completed = await there.client.post("/api/chat/completed", json=body)
        assert completed.json() == body
        await eventually(lambda: len(one.node.tasks) == 0)
        history = {"messages": {"q": question, "m1": said[1] | {"parentId": "q", "done": True}}, "currentId": "m1"}
        posted = await there.client.post(f"/api/v1/chats/{chat}", json={"chat": {"history": history}})
        message = posted.json()["chat"]["history"]["messages"]["m1"]
        assert (message["content"], len(message["followUps"])) == ("one two three", 3)
        assert (await there.client.get("/api/v1/chats/?page=1")).json()[0]["title"] == "Echo: one two three"
        assert await tags(there, f"/api/v1/chats/{chat}/tags") == ["echo"]
        assert await tags(there, "/api/v1/chats/all/tags") == ["echo"]
        assert (await there.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": []}
        await api.aclose()
        await there.aclose()


async def test_tags_are_the_same_before_and_after_the_fold_and_gone_with_the_chat(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api, there = Api(one.url), Api(two.url)
        first, second = await api.new_chat(), await api.new_chat()

        async def check(expected: list[str]) -> None:
            assert await tags(there, "/api/v1/chats/all/tags") == expected

        await check([])
        await api.emit(first, "chat:tags", ["b", "Two Words"])
        await api.emit(second, "chat:tags", ["b", "a"])
        await check(["Two Words", "a", "b"])
        await folded(fleet, one, "user:alice")
        await check(["Two Words", "a", "b"])
        await api.emit(first, "chat:tags", ["c"])
        await check(["a", "b", "c"])
        await api.client.delete(f"/api/v1/chats/{second}")
        await check(["c"])
        listed = (await there.client.get(f"/api/v1/chats/{first}/tags")).json()
        assert listed == [{"id": "c", "name": "c", "user_id": "alice"}]
        await api.aclose()
        await there.aclose()


@pytest.mark.parametrize("user_id", ["eve", "rita"])
async def test_tags_of_a_chat_are_for_its_readers(fleet: Fleet, user_id: str) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api, other = Api(one.url), Api(two.url, user_id)
        chat = await api.new_chat()
        await api.emit(chat, "chat:tags", ["secret"])
        await share(api, chat, rita="read")
        answer = await other.client.get(f"/api/v1/chats/{chat}/tags")
        unknown = await other.client.get("/api/v1/chats/none/tags")
        assert unknown.status_code == 404
        if user_id == "rita":
            assert answer.json()[0]["name"] == "secret"
        else:
            assert answer.status_code == 404
            assert answer.json()["detail"].replace(chat, "none") == unknown.json()["detail"]
        assert await tags(other, "/api/v1/chats/all/tags") == []
        await api.aclose()
        await other.aclose()
