"""What goes wrong with providers, as scripts of tests/support/provider.py."""

from __future__ import annotations

import asyncio

from tests.support.provider import Conversation


async def refuses_key(conversation: Conversation) -> None:
    await conversation.whole(401, b'{"error": {"message": "Incorrect API key provided: sk-secret"}}')


async def refuses_rate(conversation: Conversation) -> None:
    await conversation.whole(429, b'{"error": {"message": "Rate limit reached"}}', Retry_After="7")


async def fails(conversation: Conversation) -> None:
    await conversation.whole(500, b"<html>oops</html>", "text/html")


async def refuses_request(conversation: Conversation) -> None:
    await conversation.whole(400, b'{"detail": "unknown model"}')


async def sends_garbage(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.send(b"data: \xff\xfe\x00 nonsense\n\n")


async def sends_html(conversation: Conversation) -> None:
    await conversation.whole(200, b"<!doctype html><title>Login</title>", "text/html")


async def sends_no_newline(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    for _ in range(160):
        await conversation.send(b"x" * (1 << 16))


async def cuts(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")


async def ends_early(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.end()


async def stalls(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await asyncio.sleep(60)


async def stalls_at_once(conversation: Conversation) -> None:
    await asyncio.sleep(60)


async def reports_an_error(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.data({"error": {"message": "overloaded", "code": 529}})


async def sends_nothing(conversation: Conversation) -> None:
    await conversation.whole(200, b"", "text/event-stream")
