"""The compactor: folds documents into PostgreSQL, in a sandbox, so that their updates may be trimmed.

Claim → read the snapshot → read the log → fold in the sandbox → commit by compare-and-set → finish; the sweeper trims.
A crash at any point is safe: the claim runs out, and whoever has it next reads on from what was committed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from archive import Archive
from archive.documents import FoldedDocument, Outcome, Quarantined, StoredDocument
from archive.errors import ArchiveRefused
from archive.yjs import NOTHING, Malformed, OverLimit, Unmergeable, Vector
from streams.documents import LONGEST_WAIT_MS, Claim, DocumentLog, Progress
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.keys import document_of
from streams.replay import Reader
from streams.rooms import Rooms
from workers.config import WorkerConfig
from workers.document_fold import Culprit, FoldResult, fold_pieces
from workers.document_round import Round, read_round
from workers.patience import LONGEST_PAUSE_S, Patience, Stopped
from workers.sandbox import Sandbox, SandboxStarved
from workers.tally import Tally, paused

log = logging.getLogger("roomlog.compactor")


def wait_ms(spent_s: float) -> int:
    """How long a document waits that ended sandboxes: as long as that took, so that others get half of the time."""
    return min(int(spent_s * 1000), LONGEST_WAIT_MS)


class Compactor:
    """One loop that folds documents, one after the other. Several may run: compare-and-set decides.

    sandbox: its own, closed at the end.
    """

    def __init__(
        self,
        documents: DocumentLog,
        reader: Reader,
        rooms: Rooms,
        archive: Archive,
        sandbox: Sandbox,
        config: WorkerConfig,
        tally: Tally,
        stop: asyncio.Event,
    ) -> None:
        self._documents = documents
        self._reader = reader
        self._rooms = rooms
        self._archive = archive
        self._sandbox = sandbox
        self._config = config
        self._tally = tally
        self._stop = stop
        self._database = Patience(tally, stop)

    async def run(self) -> None:
        """Fold what is due until stopped; the document in hand is finished first. A log that is away is waited for."""
        pause_s = self._config.compact_every_s
        try:
            while not self._stop.is_set():
                try:
                    busy = await self.compact_once()
                    pause_s = self._config.compact_every_s
                except LogUnavailable as fault:
                    log.warning("the log is away, trying again: %s", fault)
                    busy, pause_s = False, min(pause_s * 2, LONGEST_PAUSE_S)
                if not busy:
                    await paused(self._stop, pause_s)
        except Stopped:
            return
        finally:
            await self._sandbox.aclose()

    async def compact_once(self) -> bool:
        """One round of one document. False when none is due. Raises LogUnavailable, Stopped."""
        claims = await self._documents.claim(1, self._lease_ms)
        for claim in claims:
            began = time.monotonic()
            async with self._held(claim):
                done = await self._tried(claim)
            if not done:
                await self._documents.renew(claim, max(self._lease_ms, wait_ms(time.monotonic() - began)))
        return bool(claims)

    async def _tried(self, claim: Claim) -> bool:
        """False when it has to be tried again later."""
        try:
            await self._compact(claim)
            return True
        except (SandboxStarved, OSError) as fault:
            log.warning("%(room)s waits, no sandbox answered: %(fault)s", {"room": claim.room, "fault": fault})
        except (ArchiveRefused, Unmergeable, Malformed, OverLimit):
            log.exception("%(room)s cannot be folded; it is tried again later", {"room": claim.room})
        return False

    async def _compact(self, claim: Claim) -> None:
        document_id = document_of(claim.room)
        before = await self._database.ask(lambda: self._archive.documents.stored(document_id))
        before = before or StoredDocument(document_id)
        await self._documents.pass_by(before.position)
        entries, size = self._config.document_entries, self._config.document_bytes
        taken = await read_round(self._documents, claim.room, before.position, entries, size)
        await self._notice_gap(claim.room, before.position, taken)
        result = await self._integrated(before, taken)
        if result:
            taken = taken.cut(result.taken)
        folded = await self._folded(claim.room, before, taken, result)
        match await self._commit(folded):
            case Outcome.STORED:
                await self._finish(claim, folded, taken, wait_ms(result.searched_s) if result else 0)
            case Outcome.DELETED:
                await self._documents.remove(claim.room)
            case Outcome.ELSEWHERE:
                log.info("%s was moved by somebody else; this fold is dropped", claim.room)
                await self._documents.renew(claim, 0)

    async def _notice_gap(self, room: str, stored: Position, taken: Round) -> None:
        """Entries that are gone from the log are lost to SQL: that is said, and the document goes on without them.

        What the log says of it is not believed any more, so that its editors are asked for what is missing.
        """
        if taken.pieces and taken.pieces[0].prev > max(stored, await self._rooms.floor()):
            self._tally.lost += 1
            said = {"room": room, "before": stored, "position": taken.pieces[0].position}
            log.error("%(room)s: the log lost entries between %(before)s and %(position)s unfolded", said)
            await self._documents.forget(room)

    async def _integrated(self, before: StoredDocument, taken: Round) -> FoldResult | None:
        """The fold of the round, or of its first part. None when no entry changes the document."""
        changes = taken.changes
        if not changes:
            return None
        continues = changes[0].epoch == before.epoch and not changes[0].reset
        state, markdown = (before.state, before.markdown) if continues else (NOTHING, "")
        return await fold_pieces(self._sandbox, state, changes, markdown, self._config.document_effort)

    async def _folded(
        self, room: str, before: StoredDocument, taken: Round, result: FoldResult | None
    ) -> FoldedDocument:
        """What to store. taken: as far as the result goes."""
        content = await self._documents.content_of(room)
        if content and before.content and content.position <= before.content.position:
            content = None
        position = taken.pieces[-1].position if taken.pieces else before.position
        folded = FoldedDocument(before, before.epoch, position, content=content)
        if result is None:
            return folded
        await self._notice_holes(room, position, result)
        return replace(
            folded,
            epoch=taken.changes[0].epoch,
            state=result.state,
            vector=result.vector.encoded(),
            markdown=result.markdown,
            quarantined=tuple([await self._quarantined(room, culprit) for culprit in result.culprits]),
        )

    async def _notice_holes(self, room: str, position: Position, result: FoldResult) -> None:
        """The log vouches for more than the state has: its hash outlived what SQL lost. Then it is not believed.

        Holes that quarantined updates left are known; asking for them would bring the same updates back.
        """
        if not result.lossless or result.culprits:
            return
        opened = await self._documents.vector(room)
        if opened is None or opened.head > position or result.vector.covers(Vector(opened.clocks)):
            return
        if not await self._database.ask(lambda: self._archive.documents.quarantined(document_of(room), 1)):
            log.error("%s: the log has structs that the stored document lacks; its editors are asked for them", room)
            await self._documents.forget(room)

    async def _quarantined(self, room: str, culprit: Culprit) -> Quarantined:
        """The update as it came, with its sender as its entry names it."""
        self._tally.quarantined += 1
        entry = await self._reader.entry(room, culprit.piece.position)
        sent = json.loads(entry.data) if entry else {}
        user_id, session = (str(sent.get(name) or "") for name in ("user_id", "socket_id"))
        return Quarantined(culprit.piece.position, user_id, session, culprit.piece.binary, culprit.error)

    async def _commit(self, folded: FoldedDocument) -> Outcome:
        """A commit whose answer was lost, and that is made again, is found to be ELSEWHERE."""
        before = folded.before
        if folded.content is None and folded.state is None and folded.position == before.position:
            return Outcome.STORED  # there is nothing to store
        try:
            outcome = await self._database.ask(lambda: self._archive.documents.commit(folded))
        except ArchiveRefused as fault:
            if folded.content is None:
                raise
            log.error("the content of %(room)s is refused and left out: %(fault)s", {"room": before.id, "fault": fault})
            return await self._commit(replace(folded, content=None))
        self._tally.transactions += 1
        return outcome

    async def _finish(self, claim: Claim, folded: FoldedDocument, taken: Round, waits_ms: int) -> None:
        content = folded.content or folded.before.content
        progress = Progress(
            folded.epoch,
            folded.position,
            len(folded.before.state if folded.state is None else folded.state),
            len(taken.changes),
            taken.update_bytes,
            content.position if content else Position.ZERO,
            taken.more,
            waits_ms,
        )
        self._tally.folded_entries += len(taken.pieces)
        if not await self._documents.finish(claim, progress):
            log.info("%(room)s went to another worker during its fold", {"room": claim.room})

    @property
    def _lease_ms(self) -> int:
        return int(self._config.claim_after_s * 1000)

    @asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncIterator[None]:
        """Keep the claim while the block runs."""
        over = asyncio.Event()  # not a cancel: before Python 3.12 one may get lost in redis-py's wait_for
        keeper = asyncio.create_task(self._keep(claim, over))
        self._tally.jobs_held += 1
        try:
            yield
        finally:
            self._tally.jobs_held -= 1
            over.set()
            await keeper

    async def _keep(self, claim: Claim, over: asyncio.Event) -> None:
        while not over.is_set():
            await paused(over, self._config.claim_after_s / 3)
            if over.is_set():
                return
            try:
                await self._documents.renew(claim, self._lease_ms)
            except LogUnavailable as fault:
                log.warning("cannot say that %s is held: %s", claim.room, fault)
