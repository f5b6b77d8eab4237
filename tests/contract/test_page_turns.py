"""What the current page asks and is told: it has no chat to begin with, and asks several models at once.

The bodies are those that the page of Open WebUI 0.12.4 was seen to send.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join
from tests.support.completions import asking, done, so_far
from tests.support.nodes import Api, Fleet, eventually
from tests.support.provider import Conversation

QUESTION = {
    "id": "q",
    "parentId": None,
    "childrenIds": ["a"],
    "role": "user",
    "content": "hello there",
    "models": ["m"],
}
BODY: dict[str, Any] = {
    "stream": True,
    "model": "m",
    "params": {"model_controls": {}},
    "tool_ids": [],
    "tool_servers": [],
    "features": {"memory": True},
    "variables": {"{{USER_NAME}}": "Alice"},
    "chat_variables": {},
    "model_item": {"id": "m", "owned_by": "openai"},
    "id": "a",
    "message_ids": [{"model_id": "m", "message_id": "a", "modelIdx": 0}],
    "parent_id": None,
    "user_message": QUESTION,
    "background_tasks": {"title_generation": True, "tags_generation": True, "follow_up_generation": True},
}
THOUGHTS = 3


async def begun(api: Api, body: dict[str, Any]) -> tuple[str, list[str]]:
    """The chat that a question began, and the tasks of its answers."""
    answer = await api.client.post("/api/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] is True
    return answer.json()["chat_id"], answer.json()["task_ids"]


def turns(page: Listener) -> list[Any]:
    return [body for body in page.of("events") if body["data"]["type"] == "chat:messages"]


async def test_a_question_without_a_chat_begins_one_which_every_page_can_show(fleet: Fleet) -> None:
    async with (
        asking(fleet) as (one, api, provider),
        fleet.inside() as two,
        listening(one.url) as page,
        listening(two.url) as tab,
        listening(two.url, "root", role="admin") as viewer,
    ):
        chat, tasks = await begun(api, BODY | {"session_id": page.get_sid()})
        assert len(tasks) == 1
        assert (await done(api, chat, "a"))["content"] == "Hello world"
        assert provider.conversations[0].request == {
            "model": "m",
            "stream": True,
            "messages": [{"role": "user", "content": "hello there"}],
        }, "a provider is told nothing that only pages and nodes know"
        history = (await api.chat(chat))["chat"]["history"]
        assert (history["messages"]["q"]["content"], history["messages"]["q"]["childrenIds"]) == ("hello there", ["a"])
        assert (history["messages"]["a"]["parentId"], history["currentId"]) == ("q", "a")
        assert [line["id"] for line in (await api.client.get("/api/v1/chats/?page=1")).json()] == [chat]
        await eventually(lambda: len(turns(tab)) == 1)
        (told,) = turns(tab)
        assert (told["chat_id"], told["shared"]) == (chat, True), "a page inserts a turn only when it is shared"
        shown = told["data"]["data"]["messages"]
        assert [(key, shown[key]["id"], shown[key]["childrenIds"]) for key in ("q", "a")] == [
            ("q", "q", ["a"]),
            ("a", "a", []),
        ]
        assert turns(page) == [], "the page that asked has it"
        assert await join(viewer, chat)
        assert turns(viewer) == [], "it came when there was nothing to know"


async def test_several_models_answer_one_question_side_by_side(fleet: Fleet) -> None:
    async with asking(fleet) as (one, api, provider), listening(one.url) as tab:
        wanted = [{"model_id": name, "message_id": f"a{name}", "modelIdx": n} for n, name in enumerate(("m", "n"))]
        chat, tasks = await begun(api, BODY | {"message_ids": wanted, "id": "am"})
        assert len(set(tasks)) == 2
        for number, name in enumerate(("m", "n")):
            message = await done(api, chat, f"a{name}")
            assert (message["content"], message["model"], message["modelIdx"]) == ("Hello world", name, number)
        await eventually(lambda: len(one.node.tasks) == 0)
        messages = (await api.chat(chat))["chat"]["history"]["messages"]
        assert set(messages["q"]["childrenIds"]) == {"am", "an"}
        assert len(provider.conversations) == 2 + THOUGHTS + 1, "title and tags once, follow-ups for each answer"
        await eventually(lambda: len(turns(tab)) == 2)
        told = [turn["data"]["data"]["messages"] for turn in turns(tab)]
        assert [shown["q"]["childrenIds"] for shown in told] == [["am"], ["an"]], "pages add them up"


async def test_what_only_looks_like_the_beginning_of_a_chat_is_openais_own(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, _provider):
        plain = {
            "model": "m",
            "stream": False,
            "messages": [{"role": "user", "content": "x"}],
            "user_message": QUESTION,
        }
        answer = await api.client.post("/api/chat/completions", json=plain)
        assert answer.json()["choices"][0]["message"]["content"] == "Hello world"
        assert (await api.client.get("/api/v1/chats/")).json() == []


async def test_a_question_that_cannot_be_kept_begins_no_chat(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, _provider):
        body = BODY | {"user_message": QUESTION | {"timestamp": "soon"}}
        answer = await api.client.post("/api/chat/completions", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        client = node.node.link.client(connections=1)
        assert [key async for key in client.scan_iter(match=f"{fleet.key_prefix}:*owner:*", count=1000)] == []


@pytest.mark.parametrize("ending", ["chat:completion", "chat:tasks:cancel", "chat:message:error"])
async def test_the_whole_text_is_told_before_an_answer_is_closed_as_others_wrote_into_it_too(
    fleet: Fleet, ending: str
) -> None:
    """A page that was loaded in mid-answer may lack a piece. It is mended by this; the fold reads none of it."""
    go_on = asyncio.Event()

    async def script(conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="begun")
        await go_on.wait()
        if ending == "chat:completion":
            await conversation.finish()

    async with asking(fleet) as (one, api, provider), listening(one.url) as page:
        provider.script = script
        chat, (task,) = await begun(api, BODY | {"background_tasks": {}})
        await so_far(api, chat, "begun", "a")
        await api.emit(chat, "message", {"content": " (searched)"}, "a")
        if ending == "chat:tasks:cancel":
            assert (await api.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        go_on.set()
        assert (await done(api, chat, "a"))["content"] == "begun (searched)"
        await eventually(lambda: [body for body in page.of("events") if body["data"]["type"] == ending])
        told = [body["data"] for body in page.of("events") if body["message_id"] == "a"]
        last = [data for data in told if data["type"] in ("chat:outlet", ending)]
        assert [data["type"] for data in last] == ["chat:outlet", ending]
        assert last[0]["data"] == {"messages": [{"id": "a", "content": "begun (searched)"}]}
