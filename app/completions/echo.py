"""The embedded provider: for development, and for whoever has no key yet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import orjson

from app.completions.afterthoughts import FOLLOW_UPS, TAGS, TITLE, Afterthought, asked_in
from app.completions.pieces import Finish, Piece, Text, Usage, text_of


class Echo:
    """Says the last user message again, word by word, at a rate. Needs no key."""

    def __init__(self, words_s: float) -> None:
        self._pause_s = 1 / words_s

    async def aclose(self) -> None: ...

    async def answer(self, request: dict[str, Any]) -> AsyncGenerator[Piece, None]:
        asked = [text_of(m.get("content")) for m in request["messages"] if m.get("role") == "user"]
        text = asked[-1] if asked else ""
        if (thought := asked_in(request)) is not None:
            text = _thought(thought, text)
        words = re.findall(r"\s*\S+\s*", text)
        due = asyncio.get_running_loop().time()
        for word in words:
            due += self._pause_s
            await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0))
            yield Text(word)
        yield Finish("stop")
        prompt, answer = sum(len(str(m).split()) for m in request["messages"]), len(words)
        yield Usage({"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer})


def _thought(thought: Afterthought, told: str) -> str:
    """What stands for an afterthought on a conversation: always the same for the same one."""
    question = told.partition("USER: ")[2].partition("\nASSISTANT: ")[0]
    first_words = " ".join(question.split()[:4])
    found = {
        TITLE.field: f"Echo: {first_words}",
        TAGS.field: ["echo"],
        FOLLOW_UPS.field: ["What else?", "Why is that?", f"And after {first_words}?"],
    }
    return orjson.dumps({thought.field: found[thought.field]}).decode()
