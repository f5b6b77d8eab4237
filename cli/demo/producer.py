"""The producer of one document: emits its events one after another, through both nodes in turn."""

from __future__ import annotations

import asyncio
import secrets
import time

from cli.demo.account import Event
from cli.demo.calls import Calls
from cli.demo.conversation import MESSAGE_ID, Conversation
from streams.entry import Position


async def create_chat(conversation: Conversation, calls: Calls, turn: int) -> None:
    """Create the conversation's chat. Raises CommandError."""
    body = {"title": conversation.document.name}
    chat = await calls.post("/api/v1/chats/new", conversation.token, body, secrets.token_hex(8), turn)
    conversation.chat_id = chat["id"]


async def produce(conversation: Conversation, calls: Calls, rate: float) -> None:
    """Emit every event of the script, at most `rate` a second. Raises CommandError.

    An event is not emitted before the log has taken the one before it; a retry has the same Idempotency-Key.
    """
    path = f"/api/v1/chats/{conversation.chat_id}/messages/{MESSAGE_ID}/event"
    due = time.monotonic()
    for number, step in enumerate(conversation.script):
        due = max(due + 1 / rate, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        body = {"type": step.kind, "data": step.data}
        key = f"{conversation.chat_id}-{number}"
        answer = await calls.post(path, conversation.token, body, key, turn=number)
        conversation.sent.append(Event(Position.parse(answer["position"]), step.kind, step.data))
