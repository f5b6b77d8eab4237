"""The gap rule against documents: what the log takes never waits for anything, what it refuses would have waited."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pycrdt import Doc

from archive.yjs import Vector, decode_vector, read
from streams.append import Appender
from streams.document_change import FIRST_EPOCH
from streams.documents import DocumentLog, Opening
from streams.errors import DocumentGap
from streams.keys import Keys
from streams.link import Link
from tests.support.documents import ROOM, Editor, entry_of
from tests.support.valkey import ValkeyServer, running_appender

_prefixes = (f"g{number}" for number in itertools.count())

EDITORS = 3
Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(st.sampled_from(("type", "delete", "see", "send", "send", "all")), st.integers(0, 2), st.integers(0, 99)),
    min_size=5,
    max_size=40,
)


@dataclass
class World:
    """Editors whose updates reach the log in any order, or never, and a document of what the log took."""

    documents: DocumentLog
    appender: Appender
    editors: list[Editor] = field(default_factory=lambda: [Editor(client + 1) for client in range(EDITORS)])
    outbox: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(EDITORS)])
    mirror: Doc[Any] = field(default_factory=Doc)

    async def act(self, kind: str, who: int, number: int) -> None:
        editor, outbox = self.editors[who], self.outbox[who]
        if kind == "type":
            outbox.append(editor.type("xyz"[: number % 3 + 1], at=number % (len(editor.text) + 1)))
        elif kind == "delete" and editor.text:
            start = number % len(editor.text)
            outbox.append(editor.delete(start, min(start + 2, len(editor.text))))
        elif kind == "see":
            editor.see(self.editors[number % EDITORS].doc.get_update())
        elif kind == "send" and outbox:
            await self.send(outbox[number % len(outbox)])
        elif kind == "all":
            await self.send(editor.doc.get_update(self.mirror.get_state()))

    async def send(self, update: bytes) -> None:
        taken = await self._taken(update)
        event("taken" if taken else "refused")
        if taken:
            self.mirror.apply_update(update)
            assert not waits(update, self.mirror)
        else:
            copy: Doc[Any] = Doc()
            copy.apply_update(self.mirror.get_update())
            copy.apply_update(update)
            assert waits(update, copy)
        opened = await self.documents.vector(ROOM)
        assert opened is not None
        assert Vector(opened.clocks) == decode_vector(self.mirror.get_state())

    async def _taken(self, update: bytes) -> bool:
        try:
            await self.appender.append(entry_of(update))
        except DocumentGap:
            return False
        return True


def waits(update: bytes, doc: Doc[Any]) -> bool:
    """Whether some of the update's structs or deletions could not be integrated into the document."""
    there = decode_vector(doc.get_state())
    found = read(update)
    return any(end > there.clock(client) for client, _, end in (*found.spans, *found.deletes))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_what_is_taken_never_waits_and_what_is_refused_would_have(valkey: ValkeyServer, acts: list[Act]) -> None:
    async def run() -> None:
        link = Link(valkey.url, Keys(next(_prefixes)))
        documents = DocumentLog(link, link.client())
        async with running_appender(link) as appender:
            await documents.open(ROOM, Opening(FIRST_EPOCH, {}))
            world = World(documents, appender)
            for act in acts:
                await world.act(*act)
            for editor in world.editors:  # whoever sends all that the log lacks is never refused
                assert await world._taken(editor.doc.get_update(world.mirror.get_state()))
                world.mirror.apply_update(editor.doc.get_update())
        await link.aclose()

    asyncio.run(run())
