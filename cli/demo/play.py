"""The demo from start to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from archive.database import open_pool
from archive.store import Archive
from cli.demo import javascript
from cli.demo.account import Content
from cli.demo.calls import Calls, open_client
from cli.demo.conversation import MESSAGE_ID, Conversation, Ledger
from cli.demo.display import Display
from cli.demo.documents import load, script
from cli.demo.faults import VICTIM, Faults
from cli.demo.front import Front
from cli.demo.listeners import Listener, Reloader, content_of
from cli.demo.options import Options
from cli.demo.producer import create_chat, produce
from cli.demo.report import Result, Row, Section, client_row, section, stored_row
from cli.demo.scenes import Scenes, scenes
from cli.demo.stage import Stage, stage
from cli.demo.waiting import PATIENCE_S, settled, while_moving

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


@dataclass(slots=True)
class Audience:
    """All clients. seats: those of the official JavaScript client."""

    listeners: list[Listener] = field(default_factory=list)
    reloaders: list[Reloader] = field(default_factory=list)
    seats: list[javascript.Seat] = field(default_factory=list)
    fronts: list[Front] = field(default_factory=list)

    @property
    def clients(self) -> list[Listener | javascript.Seat]:
        return [*self.listeners, *self.reloaders, *self.seats]

    @property
    def ledgers(self) -> list[Ledger]:
        return [client.ledger for client in self.clients]

    async def seated(self) -> None:
        """Return when every client has connected for the first time."""
        for client in self.clients:
            await client.connected.wait()


async def play(options: Options, display: Display) -> Result:
    """Run the whole demo. Raises CommandError or EmbeddedError, maybe in a group."""
    chance = Random(options.seed)
    documents = load(options.documents)
    started = time.monotonic()
    display.say("starting Valkey, PostgreSQL, two nodes and a worker")
    async with stage() as here, open_client() as client:
        conversations = [
            Conversation(document, script(document, chance), user, here.token(user))
            for document, user in zip(documents, _users(len(documents)), strict=True)
        ]
        calls = Calls(here.urls, client)
        await asyncio.gather(*(create_chat(c, calls, turn) for turn, c in enumerate(conversations)))
        node, notes = await _node()
        async with _audience(here, conversations, calls, node) as audience, scenes(here, calls, client) as beside:
            await audience.seated()
            display.say(f"{len(audience.ledgers)} clients listen to {len(conversations)} documents")
            await _stream(here, conversations, audience, beside, calls, options, display, chance)
            display.say("everything is streamed; waiting until every client has it")
            await _until_complete(audience)
            played = await beside.judge()
        display.say("every client is at the end")
        sections = await _compare(here, conversations, audience, calls, display) + played
        kills = {child.program.name: child.kills for child in (here.nodes[VICTIM], here.worker)}
    cuts = sum(front.cuts for front in (*audience.fronts, *beside.fronts))
    return Result(sections, time.monotonic() - started, kills, cuts, calls.retries + beside.retries, notes)


def _users(count: int) -> list[str]:
    return [USERS[number] if number < len(USERS) else f"user{number}" for number in range(count)]


async def _node() -> tuple[str | None, list[str]]:
    """Where Node is; None, and a note that says why, when its client has to be left out."""
    try:
        return await javascript.find(), []
    except javascript.NoJavaScript as fault:
        return None, [f"without the official socket.io-client: {fault}"]


@asynccontextmanager
async def _audience(
    here: Stage, conversations: Sequence[Conversation], calls: Calls, node: str | None
) -> AsyncIterator[Audience]:
    """All clients of all documents, each running while inside."""
    async with AsyncExitStack() as stack:
        made = Audience()
        for number, conversation in enumerate(conversations):
            await _invite(stack, made, here, conversation, calls, number, node is not None)
        if node is not None:
            await stack.enter_async_context(javascript.seated(node, made.seats))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(client.run()) for client in (*made.listeners, *made.reloaders)]
            yield made
            for task in running:
                task.cancel()


async def _invite(
    stack: AsyncExitStack,
    audience: Audience,
    here: Stage,
    conversation: Conversation,
    calls: Calls,
    number: int,
    official: bool,
) -> None:
    """One document's clients. number: the document's place; by it some come back to their own node, some to another."""
    steady, victim = here.urls[1 - VICTIM], here.urls[VICTIM]
    homes = [victim] if number % 2 else [victim, steady]
    audience.fronts.append(await stack.enter_async_context(Front(here.ports, number).serving()))
    audience.listeners += [
        Listener(Ledger(conversation, "stays connected"), [steady]),
        Listener(Ledger(conversation, "cut every second"), [audience.fronts[-1].url]),
        Listener(Ledger(conversation, f"its node killed, {'same' if number % 2 else 'other'} node"), homes),
    ]
    audience.reloaders.append(Reloader(Ledger(conversation, "reloads: snapshot + tail"), [victim, steady], calls))
    if official:
        audience.fronts.append(await stack.enter_async_context(Front(here.ports, number + 1).serving()))
        transports = ["websocket"] if number % 2 else ["polling", "websocket"]
        name = f"socket.io-client, cut, {'websocket' if number % 2 else 'polling first'}"
        audience.seats.append(javascript.Seat(Ledger(conversation, name), audience.fronts[-1].url, transports))


async def _stream(
    here: Stage,
    conversations: Sequence[Conversation],
    audience: Audience,
    beside: Scenes,
    calls: Calls,
    options: Options,
    display: Display,
    chance: Random,
) -> None:
    """Stream all documents, so that they end at about the same time, while things go wrong."""
    total = sum(len(c.script) for c in conversations)

    def progress() -> float:
        return sum(len(c.sent) for c in conversations) / total

    fronts = [*audience.fronts, *beside.fronts]
    faults = Faults(here, fronts, audience.reloaders, progress, beside.calm, display.say, chance)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(display.follow(conversations))
        tasks.create_task(faults.run())
        tasks.create_task(beside.play(progress))
        for conversation in conversations:
            tasks.create_task(produce(conversation, calls, options.rate * len(conversation.script) / total))


async def _until_complete(audience: Audience) -> None:
    """Wait for what is on its way, however slow; give up when nothing has moved for PATIENCE_S."""
    await settled(
        lambda: all(ledger.complete for ledger in audience.ledgers),
        lambda: [(ledger.links, len(ledger.events)) for ledger in audience.ledgers],
    )


async def _compare(
    here: Stage, conversations: Sequence[Conversation], audience: Audience, calls: Calls, display: Display
) -> list[Section]:
    """Hold everything against what was sent: each client, the rows of PostgreSQL, and the chat as HTTP answers it."""
    async with open_pool(here.database_url, application_name="roomlog demo") as pool:
        archive = Archive(pool)
        await _until_folded(archive, conversations)
        display.say("everything is folded into PostgreSQL")
        sections = []
        for turn, conversation in enumerate(conversations):
            rows = [client_row(ledger) for ledger in audience.ledgers if ledger.conversation is conversation]
            rows.append(stored_row("PostgreSQL", await _stored(archive, conversation), conversation))
            rows.append(await _answered(conversation, calls, turn))
            sections.append(section(conversation, rows))
    return sections


async def _until_folded(archive: Archive, conversations: Sequence[Conversation]) -> None:
    rooms = [conversation.room for conversation in conversations]

    async def state() -> object:
        return await archive.stored(rooms)

    async def folded() -> bool:
        stored = await archive.stored(rooms)
        return all(stored[c.room] >= c.sent[-1].position for c in conversations)

    await while_moving(folded, state, PATIENCE_S)


async def _stored(archive: Archive, conversation: Conversation) -> Content:
    """What the rows hold, without the log."""
    chat = await archive.chat(conversation.chat_id)
    message = chat.messages.get(MESSAGE_ID) if chat is not None else None
    if message is None:
        return Content()
    return Content.stored(message.content, message.status_history, message.sources)


async def _answered(conversation: Conversation, calls: Calls, turn: int) -> Row:
    chat = await calls.get(f"/api/v1/chats/{conversation.chat_id}", conversation.token, turn)
    return stored_row("GET chat", content_of(chat), conversation)
