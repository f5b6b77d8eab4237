"""Completions by the asking user's own browser: the task is on one node, the browser on the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.completions import REQUEST, ask, done, message_of, so_far
from tests.support.nodes import Api, Fleet, LocalNode, eventually
from tests.support.people import Person, people

MODEL = {"id": "own", "name": "Own", "direct": True, "urlIdx": "0"}


class Browser(Person):
    """A page that answers a direct completion by `script`, which is given the channel to send on."""

    def __init__(self, user_id: str = "alice") -> None:
        super().__init__(user_id)
        self.sending: list[asyncio.Task[None]] = []

    def streams(self, script: Callable[[str], Awaitable[None]]) -> None:
        async def answer(body: Any) -> dict[str, bool]:
            self.sending.append(asyncio.ensure_future(script(body["data"]["data"]["channel"])))
            return {"status": True}

        self.answers["request:chat:completion"] = answer

    def says(self, *lines: Any) -> None:
        """Stream these lines, and the end."""

        async def script(channel: str) -> None:
            for line in (*lines, {"done": True}):
                await self.emit(channel, line)

        self.streams(script)


@dataclass(frozen=True)
class Scene:
    """here: alice's calls to the node that runs the task. there: to the one where her browser is."""

    one: LocalNode
    two: LocalNode
    here: Api
    there: Api
    alice: Browser
    chat: str

    async def ask(self, **more: Any) -> str:
        return await ask(self.here, self.chat, model="own", model_item=MODEL, session_id=self.alice.get_sid(), **more)

    async def done(self) -> Any:
        return await done(self.there, self.chat)


@asynccontextmanager
async def scene(fleet: Fleet, **settings: Any) -> AsyncIterator[Scene]:
    async with fleet.inside(**settings) as one, fleet.inside(**settings) as two, people(Browser()) as (alice,):
        assert isinstance(alice, Browser)
        await alice.at(two.url)
        here, there = Api(one.url), Api(two.url)
        yield Scene(one, two, here, there, alice, await here.new_chat())
        await here.aclose()
        await there.aclose()


def delta(text: str, finish: str | None = None) -> str:
    chunk = {"choices": [{"delta": {"content": text}, "finish_reason": finish}]}
    return f"data: {json.dumps(chunk)}"


async def test_a_browsers_answer_streams_into_the_message(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        s.alice.says(delta("Hello"), ": ping", delta(" from home"), delta("", "stop"), "data: [DONE]")
        await s.ask(temperature=0.5)
        message = await s.done()
        assert (message["content"], message["error"]) == ("Hello from home", None)
        (asked,) = s.alice.asked
        data = asked["data"]["data"]
        assert (asked["chat_id"], asked["message_id"]) == (s.chat, "m1")
        assert data["form_data"] == REQUEST | {"model": "own", "temperature": 0.5}
        assert (data["model"], data["session_id"]) == (MODEL, s.alice.get_sid())


async def test_lines_that_the_page_cut_in_two_are_whole_again(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        line = delta("cut in two")
        s.alice.says(line[:3], line[3:20], line[20:], "data: [DO", "NE]")
        await s.ask()
        message = await s.done()
        assert (message["content"], message["error"]) == ("cut in two", None)


async def test_a_browsers_answer_in_one_piece(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        s.alice.answers["request:chat:completion"] = {"choices": [{"message": {"content": "whole"}}]}
        await s.ask(stream=False)
        assert (await s.done())["content"] == "whole"
        assert s.alice.asked[0]["data"]["data"]["form_data"]["stream"] is False


async def test_without_a_chat_the_caller_gets_the_browsers_answer(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        s.alice.says(delta("Hello"), "data: [DONE]")
        body = REQUEST | {"model_item": MODEL, "session_id": s.alice.get_sid(), "stream": False}
        answer = await s.here.client.post("/api/chat/completions", json=body)
        assert answer.json()["choices"][0]["message"]["content"] == "Hello"


async def test_an_error_of_the_browsers_provider_is_told_in_the_chat(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        s.alice.answers["request:chat:completion"] = {"error": {"message": "no such model"}}
        await s.ask()
        assert (await s.done())["error"] == {"content": "no such model"}
        s.alice.says(delta("begun"), 'data: {"error": {"message": "overloaded"}}')
        await s.ask()
        await so_far(s.there, s.chat, "begun")
        assert "overloaded" in (await s.done())["error"]["content"]


async def test_an_answer_without_its_end_is_no_answer(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        s.alice.says(delta("begun"))
        await s.ask()
        message = await s.done()
        assert (message["content"], message["error"]["content"]) == ("begun", "The browser's answer was cut off.")


async def test_a_browser_that_vanishes_closes_the_message_with_an_error(fleet: Fleet) -> None:
    async with scene(fleet, direct_away_s=1.0) as s:

        async def script(channel: str) -> None:
            await s.alice.emit(channel, delta("begun"))

        s.alice.streams(script)
        await s.ask()
        await so_far(s.there, s.chat, "begun")
        await s.alice.vanish()
        message = await s.done()
        assert (message["content"], message["done"]) == ("begun", True)
        assert message["error"]["content"] == "The browser that does this completion went away."
        await eventually(lambda: len(s.one.node.tasks) == 0)


async def test_a_browser_that_stalls_closes_the_message_with_an_error(fleet: Fleet) -> None:
    async with scene(fleet, direct_idle_s=1.5) as s:

        async def script(channel: str) -> None:
            await s.alice.emit(channel, delta("begun"))

        s.alice.streams(script)
        await s.ask()
        assert (await s.done())["error"]["content"] == "The browser sent nothing for 1.5 s."


async def test_a_link_that_was_lost_in_mid_answer_is_told_and_no_text_is_missing_in_silence(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        channels: list[str] = []

        async def script(channel: str) -> None:
            channels.append(channel)
            await s.alice.emit(channel, delta("begun"))

        s.alice.streams(script)
        await s.ask()
        await so_far(s.there, s.chat, "begun")
        await s.alice.vanish()
        await s.alice.at(s.one.url)
        await s.alice.emit(channels[0], delta(" and more"))
        await s.alice.emit(channels[0], {"done": True})
        message = await s.done()
        assert message["content"] == "begun"
        assert "a part of it may be missing" in message["error"]["content"]


async def test_a_link_that_is_lost_behind_the_answer_spoils_nothing(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        channels: list[str] = []

        async def script(channel: str) -> None:
            channels.append(channel)
            await s.alice.emit(channel, delta("all", "stop"))

        s.alice.streams(script)
        await s.ask()
        await so_far(s.there, s.chat, "all")
        await s.alice.vanish()
        await s.alice.at(s.one.url)
        await s.alice.emit(channels[0], {"done": True})
        message = await s.done()
        assert (message["content"], message["error"]) == ("all", None)


async def test_a_stop_from_the_browsers_node_cancels_it_and_leaves_nothing(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        channels: list[str] = []

        async def script(channel: str) -> None:
            channels.append(channel)
            await s.alice.emit(channel, delta("begun"))

        s.alice.streams(script)
        task = await s.ask()
        await so_far(s.there, s.chat, "begun")
        assert (await s.there.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        message = await message_of(s.there, s.chat)
        assert (message["content"], message["done"], message["stopped"]) == ("begun", True, True)
        assert await s.alice.call(channels[0], delta("late")) is False
        link = s.one.node.link
        assert await link.client(connections=1).zrange(link.keys.directs, 0, -1) == []


async def test_a_session_of_another_user_is_refused_and_asked_nothing(fleet: Fleet) -> None:
    async with scene(fleet) as s, people(Browser("eve")) as (eve,):
        await eve.at(s.one.url)
        for model_item in (MODEL, {"direct": False}):
            body = REQUEST | {"chat_id": s.chat, "id": "m1", "session_id": eve.get_sid(), "model_item": model_item}
            answer = await s.here.client.post("/api/chat/completions", json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")
        assert await message_of(s.here, s.chat) is None
        assert not eve.got


async def test_a_session_that_nobody_knows_is_accepted_and_a_browser_that_is_not_there_is_told(fleet: Fleet) -> None:
    async with scene(fleet, direct_away_s=0.5, echo_words_s=1000) as s:
        await ask(s.here, s.chat, session_id="gone a moment ago")
        assert (await s.done())["content"] == "one two three"
        await ask(s.here, s.chat, "m2", model_item=MODEL, session_id="gone a moment ago")
        message = await done(s.there, s.chat, "m2")
        assert message["error"]["content"] == "Client session disconnected."


async def test_a_direct_model_without_a_session_is_malformed(fleet: Fleet) -> None:
    async with scene(fleet) as s:
        answer = await s.here.client.post("/api/chat/completions", json=REQUEST | {"model_item": MODEL})
        assert answer.status_code == 400
        assert "session_id" in answer.json()["detail"]
