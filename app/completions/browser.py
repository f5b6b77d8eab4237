"""The asking user's own browser as provider: it reaches models that the node does not (direct connections)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from app.completions.page_lines import PageLines
from app.completions.pieces import Finish, Piece, ProviderError, pieces_of
from app.completions.sse import BadStream
from app.direct import Direct, DirectCompletion, DirectFailed, Page
from streams.errors import LogUnavailable

LOST = "The browser lost its connection in the middle of the answer; a part of it may be missing."


class Browser:
    """Asks one page. model: what the page calls the model, as it sent it; handed back to it."""

    def __init__(self, direct: Direct, page: Page, model: dict[str, Any]) -> None:
        self._direct = direct
        self._page = page
        self._model = model

    async def aclose(self) -> None: ...

    async def answer(self, request: dict[str, Any]) -> AsyncGenerator[Piece, None]:
        """The pieces of the page's answer. Ends with ProviderError, not as complete, when lines may have been lost."""
        finished = False
        try:
            async with self._direct.complete(self._page, request, self._model) as completion:
                async for piece in _pieces(completion):
                    finished = finished or isinstance(piece, Finish)
                    yield piece
        except BadStream as fault:
            raise ProviderError(f"The browser's answer cannot be read: {fault}.") from fault
        except LogUnavailable as fault:
            raise ProviderError(f"The browser cannot be reached now: {fault}.") from fault
        except DirectFailed as fault:
            if not finished:
                raise ProviderError(str(fault)) from fault


async def _pieces(completion: DirectCompletion) -> AsyncIterator[Piece]:
    finished = False
    async for value in _values(completion):
        if completion.resent and not finished:
            raise ProviderError(LOST)
        for piece in pieces_of(value):
            finished = finished or isinstance(piece, Finish)
            yield piece
    if not finished:
        raise ProviderError(LOST if completion.resent else "The browser's answer was cut off.")


async def _values(completion: DirectCompletion) -> AsyncIterator[dict[str, Any]]:
    """The chunks of the answer, or the whole of it: that ends it, whether it says so or not."""
    if completion.whole is not None:
        yield completion.whole
        yield _END
        return
    lines = PageLines()
    async with aclosing(completion.lines()) as sent:
        async for line in sent:
            for value in lines.feed(line):
                yield value
    lines.close()
    if lines.ended:
        yield _END


_END: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": ""}]}
"""What the provider says with `[DONE]`."""
