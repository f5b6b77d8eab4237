"""Editors of a note for tests, each behind a tunnel of its own: JavaScript's Yjs and pycrdt, stock and version 2."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from cli.demo.editors import CurrentEditor, StockEditor
from tests.e2e.balancer import Balancer, balancer_before
from tests.support.js import SWIFT, WEBSOCKET, Program, running
from tests.support.nodes import ROOT, eventually, token

SCRIPT = ROOT / "web" / "provider" / "test" / "editors.mjs"
AGREE_S = 60.0

JS_STOCK, JS_CURRENT, PY_STOCK, PY_CURRENT = "js-stock", "js-current", "py-stock", "py-current"


class Editor(Protocol):
    """at: where, as a share of the text. tunnel: what stands between the editor and the nodes."""

    name: str
    tunnel: Balancer

    async def insert(self, at: float, text: str) -> None:
        """Type these characters, each in an edit of its own."""

    async def delete(self, at: float) -> str:
        """Delete a character; returns it, "" when there is none."""

    async def text(self) -> str: ...

    async def look(self) -> Any:
        """All that is to be seen of it, for people."""

    async def synced(self) -> bool:
        """Whether it says that it is in step with the server."""


@dataclass
class JsEditor:
    """An editor in the Node process."""

    program: Program
    name: str
    tunnel: Balancer

    async def insert(self, at: float, text: str) -> None:
        await self.program.order("insert", self.name, at=at, text=text)

    async def paste(self, at: float, text: str) -> None:
        """Type all of it in one edit."""
        await self.program.order("paste", self.name, at=at, text=text)

    async def delete(self, at: float) -> str:
        return str(await self.program.order("delete", self.name, at=at))

    async def look(self) -> Any:
        """What is to be seen of it, see `orders.look`."""
        return await self.program.order("look", self.name)

    async def text(self) -> str:
        return str((await self.look())["text"])

    async def synced(self) -> bool:
        found = await self.look()
        return bool(found["synced"] if "synced" in found else found["status"] == "synced")

    async def sees(self, **expected: Any) -> Any:
        """Wait until it looks like that; returns all that is to be seen."""

        async def seen() -> Any:
            found = await self.look()
            return found if all(found[name] == value for name, value in expected.items()) else None

        return await eventually(seen, AGREE_S)

    async def clear(self) -> None:
        """Delete all, in one edit."""
        await self.program.order("clear", self.name)

    async def retry(self) -> None:
        """The app lets the provider ask again."""
        await self.program.order("retry", self.name)

    async def last(self, text: str) -> None:
        """Type this, and close the page in the same turn."""
        await self.program.order("last", self.name, text=text)

    async def close(self) -> None:
        """The page is closed."""
        await self.program.order("close", self.name)


@dataclass
class PyEditor:
    """An editor in the test's own loop."""

    editor: StockEditor | CurrentEditor
    name: str
    tunnel: Balancer

    async def insert(self, at: float, text: str) -> None:
        await self._writable()
        for character in text:
            self.editor.paper.insert(at, character)

    async def delete(self, at: float) -> str:
        await self._writable()
        return self.editor.paper.delete(at)

    async def text(self) -> str:
        return self.editor.paper.text

    async def synced(self) -> bool:
        if isinstance(self.editor, StockEditor):
            return self.editor.synced
        return self.editor.joined.is_set() and self.editor.saved

    async def look(self) -> Any:
        hidden = ("paper", "client", "_token", "_urls")
        return {name: value for name, value in vars(self.editor).items() if name not in hidden}

    async def _writable(self) -> None:
        await eventually(lambda: self.editor.writable, AGREE_S)


class Studio:
    """Opens editors of one note. document_id: `note:{id}`."""

    def __init__(self, stack: AsyncExitStack, program: Program, document_id: str) -> None:
        self._stack = stack
        self._program = program
        self.document_id = document_id
        self.editors: list[Editor] = []

    async def open(self, kind: str, user: str, port: int, **more: Any) -> Any:
        """An editor of one of the four kinds; does not wait until it is connected. more: for those in JavaScript."""
        tunnel = await self._stack.enter_async_context(balancer_before(port))
        name = f"{len(self.editors)} {kind} {user}"
        made = self._python if kind.startswith("py") else self._javascript
        self.editors.append(await made(kind, name, user, tunnel, more))
        return self.editors[-1]

    async def _python(self, kind: str, name: str, user: str, tunnel: Balancer, _more: Any) -> PyEditor:
        made = StockEditor if kind == PY_STOCK else CurrentEditor
        editor = made(self.document_id, user, token(user), [tunnel.url])
        task = asyncio.create_task(editor.run())
        self._stack.push_async_callback(_ended, task)
        return PyEditor(editor, name, tunnel)

    async def _javascript(self, kind: str, name: str, user: str, tunnel: Balancer, more: Any) -> JsEditor:
        options = {"auth": {"token": token(user)}, "transports": WEBSOCKET} | SWIFT
        more = {"user": {"id": user, "name": user.title(), "color": "#123456"}} | more
        order = {"kind": kind.removeprefix("js-"), "url": tunnel.url, "options": options, "more": more}
        await self._program.order("open", name, document=self.document_id, **order)
        return JsEditor(self._program, name, tunnel)

    async def agree(self, characters: Sequence[str]) -> str:
        """Wait until all have one and the same text, of exactly these characters, each once; returns it."""
        wanted = sorted(characters)

        async def agreed() -> bool:
            texts = {await editor.text() for editor in self.editors}
            return len(texts) == 1 and sorted(next(iter(texts))) == wanted

        try:
            await eventually(agreed, AGREE_S)
        except AssertionError:
            raise AssertionError(await self._differences(wanted)) from None
        return await self.editors[0].text()

    async def _differences(self, wanted: list[str]) -> str:
        lines = []
        for editor in self.editors:
            text = await editor.text()
            lacks, extra = set(wanted) - set(text), sorted(set(text) - set(wanted))
            lines.append(f"{editor.name}: lacks {sorted(lacks)}, has besides {extra}, {await editor.look()}")
        return "\n".join(lines)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def studio(document_id: str) -> AsyncIterator[Studio]:
    """A Node process, and editors that end with the block."""
    async with running(Program, SCRIPT) as program, AsyncExitStack() as stack:
        yield Studio(stack, program, document_id)


async def new_note(api: Any, *writers: str) -> str:
    """Make a note that these users may write; returns its document's id."""
    answer = await api.client.post("/api/v1/notes/create", json={"title": "A note"})
    assert answer.status_code == 200, answer.text
    note_id = str(answer.json()["id"])
    await share(api, note_id, **dict.fromkeys(writers, "write"))
    return f"note:{note_id}"


async def share(api: Any, note_id: str, **permissions: str) -> None:
    """Give exactly these users access to a note."""
    grants = [{"user_id": user_id, "permission": word} for user_id, word in sorted(permissions.items())]
    answer = await api.client.post(f"/api/v1/notes/{note_id}/access", json={"grants": grants})
    assert answer.status_code == 200, answer.text
