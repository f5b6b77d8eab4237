"""The turn of a completion: the question that is sent along is stored, and other pages learn of both messages first."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join, share
from tests.support.completions import REQUEST, ask, asking, done, message_of
from tests.support.nodes import Api, Fleet, eventually

QUESTION = {"id": "q", "parentId": None, "role": "user", "content": "hello there", "childrenIds": ["m1"]}


def told(page: Listener) -> list[tuple[str, Any]]:
    bodies = [body["data"] for body in page.of("events")]
    kept = [body for body in bodies if body["type"] not in ("chat:active", "chat:presence", "chat:access")]
    return [(body["type"], body["data"]) for body in kept]


async def test_a_question_is_stored_with_its_answer_and_shown_to_the_other_pages_first(fleet: Fleet) -> None:
    async with asking(fleet) as (one, api, provider), fleet.inside() as two:
        chat = await api.new_chat()
        await share(api, chat, bob="read")
        async with listening(one.url) as page, listening(two.url) as tab, listening(two.url, "bob") as viewer:
            assert await join(viewer, chat)
            answer = await api.client.post(
                "/api/chat/completions",
                json={
                    "model": "m",
                    "stream": True,
                    "chat_id": chat,
                    "id": "m1",
                    "session_id": page.get_sid(),
                    "parent_id": "q",
                    "user_message": QUESTION,
                },
            )
            assert answer.status_code == 200, answer.text
            assert (await done(api, chat))["content"] == "Hello world"
            assert provider.conversations[0].request["messages"] == [{"role": "user", "content": "hello there"}]
            history = (await api.chat(chat))["chat"]["history"]
            assert (history["messages"]["q"]["content"], history["messages"]["q"]["childrenIds"]) == (
                "hello there",
                ["m1"],
            )
            assert (history["messages"]["m1"]["parentId"], history["currentId"]) == ("q", "m1")
            await eventually(lambda: all("chat:completion" in dict(told(one)) for one in (page, tab, viewer)))
            for other in (tab, viewer):
                shown = [data for kind, data in told(other) if kind == "chat:messages"]
                assert told(other)[0][0] == "chat:messages"
                assert len(shown) == 1
                assert shown[0]["messages"]["q"]["content"] == "hello there"
                assert shown[0]["messages"]["m1"]["parentId"] == "q"
            assert "chat:messages" not in dict(told(page))


async def test_an_answer_that_is_made_anew_is_no_new_turn(fleet: Fleet) -> None:
    async with asking(fleet) as (one, api, _provider), listening(one.url) as page:
        chat = await api.new_chat()
        await ask(api, chat, user_message=QUESTION)
        await done(api, chat)
        await ask(api, chat, user_message=QUESTION)
        await eventually(lambda: [kind for kind, _ in told(page)].count("chat:completion") == 2)
        assert [kind for kind, _ in told(page)].count("chat:messages") == 1
        assert (await message_of(api, chat))["content"] == "Hello world"


@pytest.mark.parametrize("chat_id", [None, "local", ""])
async def test_without_messages_and_without_a_question_it_is_refused(fleet: Fleet, chat_id: str | None) -> None:
    async with asking(fleet) as (_node, api, _provider):
        chat = await api.new_chat() if chat_id is None else chat_id
        answer = await api.client.post("/api/chat/completions", json={"model": "m", "chat_id": chat, "id": "m1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert (await api.client.get("/api/tasks")).json() == {"tasks": []}


async def test_no_asker_keeps_the_owner_from_learning_of_a_turn(fleet: Fleet) -> None:
    """What is named as session may be any text: only a session that is there is left out."""
    async with asking(fleet) as (one, api, _provider), listening(one.url) as page:
        chat = await api.new_chat()
        await share(api, chat, will="write")
        will = Api(one.url, "will")
        await ask(will, chat, session_id="user:alice", user_message=QUESTION)
        await eventually(lambda: "chat:messages" in [kind for kind, _ in told(page)])
        await will.aclose()


async def test_openai_requests_are_as_they_were(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        answer = await api.client.post("/api/chat/completions", json=REQUEST | {"stream": False})
        assert answer.status_code == 200
        assert provider.conversations[0].request["messages"] == REQUEST["messages"]
