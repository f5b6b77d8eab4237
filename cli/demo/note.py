"""A scene: a note that three clients edit at once, through links that are cut and a node that is killed."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence

from archive.database import open_pool
from archive.store import Archive
from cli.demo.account import Account
from cli.demo.editors import CurrentEditor, Editor, StockEditor
from cli.demo.front import Front
from cli.demo.paper import Paper
from cli.demo.report import Row, Section
from cli.demo.scene import Progress, Setting
from cli.demo.waiting import PATIENCE_S, settled, until, while_moving

NAME = "a note that three edit"
OWNER, WRITERS = "mallory", ("niaj", "olivia")
WORDS = 100  # of each editor


class Note:
    """Every editor types its own words, spread over the whole stream of documents, offline too."""

    def __init__(self, setting: Setting, fronts: Sequence[Front], homes: Sequence[str]) -> None:
        """fronts: of two of the editors. homes: the nodes' URLs for the third, that of the one that is killed first."""
        here = setting.here
        self._setting = setting
        self._token = here.token(OWNER)
        self.fronts = list(fronts)
        stock, tunnel = fronts
        one, two = WRITERS
        self._editors: dict[str, Editor] = {
            f"{OWNER}, stock page, cut every second": StockEditor("", OWNER, self._token, [stock.url]),
            f"{one}, version 2, cut every second": CurrentEditor("", one, here.token(one), [tunnel.url]),
            f"{two}, version 2, its node killed": CurrentEditor("", two, here.token(two), homes),
        }
        self._typed: list[str] = []

    @property
    def clients(self) -> list[Editor]:
        return list(self._editors.values())

    async def play(self, progress: Progress) -> None:
        """Make the note, open it in every editor, and type."""
        calls = self._setting.calls
        note = await calls.post("/api/v1/notes/create", self._token, {"title": NAME}, secrets.token_hex(8))
        grants = {"grants": [{"user_id": user, "permission": "write"} for user in WRITERS]}
        await calls.post(f"/api/v1/notes/{note['id']}/access", self._token, grants, secrets.token_hex(8))
        for editor in self.clients:
            await editor.edit(f"note:{note['id']}")
        async with asyncio.TaskGroup() as tasks:
            for editor in self.clients:
                tasks.create_task(self._type(editor, progress))

    async def _type(self, editor: Editor, progress: Progress) -> None:
        for number in range(WORDS):
            await until(_reached(progress, number / WORDS))
            await until(lambda: editor.writable)
            word = f"{editor.user}{number} "
            editor.paper.insert(1, word)
            self._typed.append(word)

    async def judge(self) -> Section:
        await settled(self._agreed, lambda: [(editor.links, editor.paper.text) for editor in self.clients])
        text = self.clients[0].paper.text
        rows = [self._row(place, editor) for place, editor in self._editors.items()]
        stored = await self._stored(text)
        rows.append(Row("PostgreSQL, the snapshot", _sha256(stored), stored == text))
        good = all(row.good for row in rows)
        return Section(NAME, OWNER, len(self._typed), _sha256(text), rows, good)

    def _agreed(self) -> bool:
        texts = {editor.paper.text for editor in self.clients}
        return len(texts) == 1 and self._account(texts.pop()).clean

    def _row(self, place: str, editor: Editor) -> Row:
        text = editor.paper.text
        same = text == self.clients[0].paper.text
        return Row(place, _sha256(text), same, self._account(text), editor.links, editor.recovered)

    def _account(self, text: str) -> Account:
        """Every word was typed once, and must be there once."""
        found = [f"{word} " for word in text.split()]
        there = set(found)
        lost = sum(word not in there for word in self._typed)
        strange = sum(word not in set(self._typed) for word in there)
        return Account(len(found), len(found) - len(there), lost, strange)

    async def _stored(self, text: str) -> str:
        """The text of the snapshot, when it is this one, or does not change any more."""
        async with open_pool(self._setting.here.database_url, application_name="roomlog demo") as pool:
            archive = Archive(pool)

            async def now() -> str:
                stored = await archive.documents.stored(self.clients[0].document_id)
                return "" if stored is None else text_of(stored.state)

            async def folded() -> bool:
                return await now() == text

            await while_moving(folded, now, PATIENCE_S)
            return await now()


def text_of(state: bytes) -> str:
    """The text of a Yjs document."""
    paper = Paper(lambda _update: None)
    paper.apply(state)
    return paper.text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reached(progress: Progress, share: float) -> Callable[[], bool]:
    return lambda: progress() >= share
