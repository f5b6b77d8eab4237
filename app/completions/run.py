"""One run of a message: from the event that begins it to the one that closes it, below its fence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.completions.output import Output
from app.completions.pieces import Piece
from app.completions.turn import Turn
from app.emitter import Emitter, Target
from archive.envelope import message_entry
from registry.tasks import Remains
from streams.append import Fence, Step
from streams.errors import EntryTooLarge


class Run:
    """Writes an answer into a message. Every method raises Fenced when another run took the message, or closed it;
    and the other errors of `Appender.append`.
    """

    def __init__(self, emitter: Emitter, remains: Remains) -> None:
        self.remains = remains
        self._emitter = emitter
        self._target = Target(remains.user_id, remains.chat_id, remains.message_id)
        self._output = Output(remains.run)

    @property
    def text(self) -> str:
        """What the answer says so far."""
        return self._output.text("message")

    @property
    def target(self) -> Target:
        return self._target

    @property
    def is_plain(self) -> bool:
        """Whether the answer is text only, of which what closes it repeats nothing."""
        return self._output.items() is None

    async def begin(self, turn: Turn, asker: str) -> None:
        """Take the message: older runs of it are refused from here on. It is empty again, unless the answer goes on.

        Pages are shown a turn that is new, but not the asking session, if one is named: it has it.
        """
        request, left = turn.request, self.remains
        message: dict[str, Any] = {
            "id": left.message_id,
            "childrenIds": [],
            "role": "assistant",
            "model": request.model,
            "done": False,
            "stopped": False,
            "error": None,
            "interrupted": False,
        }
        if turn.parent_id:
            message["parentId"] = turn.parent_id
        if request.modelIdx is not None:
            message["modelIdx"] = request.modelIdx
        if not request.goes_on:
            message |= {"content": "", "output": []}
        data = {"messages": {**turn.questions, left.message_id: message}, "currentId": left.message_id}
        entry = message_entry(
            left.user_id,
            left.chat_id,
            None,
            "chat:messages",
            data,
            fence=self._fence(Step.BEGIN),
            quiet=not turn.is_news,
        )
        await self._emitter.append(entry._replace(skip=asker))
        if not request.goes_on:
            await self._emit("chat:message", {"content": ""})

    async def add(self, pieces: Sequence[Piece]) -> None:
        """Tell what came. Raises ProviderError when the answer is too long."""
        for kind, data in self._output.take(pieces):
            await self._emit(kind, data)

    async def recap(self, content: str) -> None:
        """Tell the message's whole text to pages that may lack a piece of it; it is not folded. content: as stored."""
        await self._emit("chat:outlet", {"messages": [{"id": self.remains.message_id, "content": content}]})

    @property
    def epilogue(self) -> Fence:
        """For what is told of the message when the run is over: refused when another run began."""
        return self._fence(Step.HOLD).epilogue

    async def done(self, step: Step = Step.END) -> None:
        """Close the message: the answer is complete. step: END, or PASS if one more thing will be told of it."""
        for kind, data in self._output.end():
            await self._emit(kind, data)
        told = {"done": True, "usage": self._output.usage, "finish_reason": self._output.finish}
        body: dict[str, Any] = {name: value for name, value in told.items() if value}
        items = self._output.items()
        try:
            await self._emit("chat:completion", body | ({"output": items} if items else {}), step)
        except EntryTooLarge:  # its items were told one by one already
            await self._emit("chat:completion", body, step)

    async def failed(self, reason: str) -> None:
        """Close the message with an error; the text so far stays."""
        await self._emit("chat:message:error", {"error": {"content": reason}}, Step.END)

    async def cancelled(self, interrupted: bool) -> None:
        """Close the message as stopped, or as interrupted: then nobody wanted it to end. The text so far stays."""
        items = self._output.items()
        body: dict[str, Any] = {"interrupted": True} if interrupted else {}
        await self._emit("chat:tasks:cancel", body | ({"output": items} if items else {}), Step.END)

    async def _emit(self, kind: str, data: Any, step: Step = Step.HOLD) -> None:
        await self._emitter.emit(self._target, kind, data, fence=self._fence(step))

    def _fence(self, step: Step) -> Fence:
        return Fence(self.remains.fence, self.remains.run, step)
