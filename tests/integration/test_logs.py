"""What processes write: an object a line if asked for, and never a token, a payload or a secret, whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from websockets.asyncio.client import connect

from tests.contract.clients import Listener, raw_session
from tests.integration.test_metrics import scraped, value
from tests.support.admins import Admin
from tests.support.completions import ask, done
from tests.support.nodes import FAST, SECRET, Api, Fleet, Process, eventually, token
from tests.support.provider import Conversation, Provider, running_provider
from tests.support.proxy import proxy_to
from tests.support.valkey import free_port

WORD = "w0rds-of-hers"
KEY = "sk-pr0vider-key"
QUERY = "t0ken-in-a-query"
LOUD = {"websocket_server_logging": "true", "websocket_server_engineio_logging": "true", "log_level": "DEBUG"}


async def _refuses(conversation: Conversation) -> None:
    said = orjson.dumps({"error": {"message": f"Incorrect API key provided: {KEY}; you said {WORD}"}})
    await conversation.whole(401, said)


@asynccontextmanager
async def _provider() -> AsyncIterator[Provider]:
    async with running_provider() as provider:
        provider.script = _refuses
        yield provider


async def _loudest(fleet: Fleet, **settings: Any) -> Process:
    """A node as somebody may run it who wants to see everything: by uvicorn itself, with access logs, at TRACE."""
    port = free_port()
    arguments = [
        "-m",
        "uvicorn",
        "tests.support.failing:app",
        "--ws",
        FAST,
        "--log-level",
        "trace",
        "--port",
        str(port),
    ]
    node = Process(arguments, fleet.env(**LOUD, **settings), port)
    fleet.processes.append(node)
    node.start()
    await node.ready()
    return node


def _objects(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


async def _talk(url: str, good: str, bad: str) -> None:
    """What clients do: good and bad tokens, words, typing, packets that are none, queries with tokens in them."""
    async with Listener() as page, Listener() as stranger, raw_session(url) as mallory:
        await page.open(url, good)
        with contextlib.suppress(Exception):
            await stranger.open(url, bad)
        await page.emit("usage", {"model": WORD})
        await page.emit("events:channel", {"channel_id": WORD, "data": {"type": "typing", "data": {"typing": WORD}}})
        await page.emit("ydoc:document:update", {"document_id": f"note:{WORD}", "update": WORD})
        await mallory.send(f'42["usage",{{"model":"{WORD}"', f'4[{WORD}"')
        await mallory.send(f"x{WORD}")
        await mallory.closed()
        await page.drop()
        await page.open(url, good)
    query = f"/ws/socket.io/?EIO=4&transport=polling&token={QUERY}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as anybody:
        assert (await anybody.get(query)).is_success
        await anybody.get(f"/api/v1/chats/x?token={QUERY}", headers={"Authorization": f"Bearer {bad}"})
        await anybody.post(
            "/api/v1/chats/new", content=f'{{"title": "{WORD}', headers={"Authorization": f"Bearer {good}"}
        )
        await anybody.post("/fail", content=WORD, headers={"Authorization": f"Bearer {good}"})
    async with connect(url.replace("http", "ws") + query.replace("polling", "websocket"), proxy=None) as link:
        await link.send(WORD)


async def _read_slowly(url: str, port: int, api: Api, chat: str, good: str) -> None:
    async with proxy_to(port) as proxy, Listener() as slow:
        proxy.buffer_bytes = 1 << 16
        await slow.open(proxy.url, good, transports=["websocket"])
        proxy.silent = True

        async def has_left_live() -> bool:
            await api.emit(chat, "message", {"content": WORD * 5000})
            return value(await scraped(url), "roomlog_slow_sockets_total") > 0

        await eventually(has_left_live, 60)


async def _poison(api: Api, database_url: str) -> None:
    """What the fold refuses, and what the database refuses, and both quote it."""
    asked = "CASE WHEN content LIKE 'POISON%' THEN content::int > 0 ELSE true END"
    statement = f"ALTER TABLE messages ADD CONSTRAINT no_poison CHECK ({asked})"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(statement.encode())
    chat = await api.new_chat()
    await api.emit(chat, "message", {"content": f"POISON {WORD}"})
    body = {"event": "events", "data": {"chat_id": chat, "message_id": "m", "data": {"type": "message", "data": WORD}}}
    service = Api(str(api.client.base_url), "pipeline", role="service")
    answer = await service.client.post("/api/v1/rooms/user:alice/events", json=body)
    assert answer.is_success, answer.text
    await service.aclose()


@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_token_payload_or_secret_is_ever_logged(fleet: Fleet, form: str) -> None:
    good, bad = token(name=WORD), token(exp=1, name=WORD)
    async with _provider() as provider:
        asked = {"openai_api_base_url": provider.url, "openai_api_key": KEY, "send_buffer_bytes": 50_000}
        node = await _loudest(fleet, log_format=form, **asked)
        worker = fleet.worker(log_format=form, log_level="DEBUG")
        api = Api(node.url)
        api.client.headers["Authorization"] = f"Bearer {good}"
        chat = await api.new_chat(WORD)
        await _talk(node.url, good, bad)
        await _read_slowly(node.url, node.port, api, chat, good)
        await ask(api, chat, "m2", messages=[{"role": "user", "content": WORD}])
        assert (await done(api, chat, "m2"))["error"]
        await _poison(api, fleet.database_url)

        async def parked() -> bool:
            return value(await scraped(node.url), "roomlog_dead_letters") == 2

        await eventually(parked, 60)
        boss = Admin(node.url, "boss")
        letters = (await boss.get("deadletters"))["letters"]
        assert sorted(letter["error"] for letter in letters) == [
            "message: data is text, expected an object",
            "the database refused it: InvalidTextRepresentation (22P02)",
        ]
        await boss.aclose()
        await api.aclose()
    fleet.stop_processes()
    for told in ("KeyError", "a completion failed", "reconnected", "a client is refused", "GET /api/v1/chats/x "):
        assert told in node.text(), told
    assert "is parked: roomlog deadletters show" in worker.text()
    tokens = [part for one in (good, bad) for part in one.split(".")[1:]]
    for process in (node, worker):
        for secret in (WORD, KEY, QUERY, SECRET, *tokens, "sid="):
            assert secret not in process.text(), secret


async def test_every_line_is_an_object_that_names_what_it_is_about(fleet: Fleet) -> None:
    node = await _loudest(fleet, log_format="json")
    worker = fleet.worker(log_format="json")
    api = Api(node.url)
    async with Listener() as page:
        await page.open(node.url, token())
        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "words"})
        bad = {"event": "events", "data": {"chat_id": chat, "message_id": "m", "data": {"type": "message", "data": 1}}}
        service = Api(node.url, "pipeline", role="service")
        assert (await service.client.post("/api/v1/rooms/user:alice/events", json=bad)).is_success
        await service.client.post("/fail", content=b"words")
        await eventually(lambda: "is parked" in worker.text(), 60)
        await service.aclose()
    await api.aclose()
    fleet.stop_processes()
    of_node, of_worker = _objects(node.text()), _objects(worker.text())
    for line in of_node + of_worker:
        assert {"time", "level", "logger", "message"} <= line.keys()
    connected = next(line for line in of_node if line["message"].endswith("of user alice connected"))
    assert connected["user"] == "alice"
    assert connected["session"] in connected["message"]
    assert connected["node"].startswith("node-")
    assert connected["level"] == "info"
    (parked,) = [line for line in of_worker if "is parked" in line["message"]]
    assert parked["room"] == "user:alice"
    assert "-" in parked["position"]
    assert parked["worker"]
    (failed,) = [line for line in of_node if "error" in line]
    assert failed["error"] == "KeyError"
    assert "in fail" in failed["stack"]
    assert any(line["logger"] == "uvicorn.access" for line in of_node)
