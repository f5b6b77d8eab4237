"""Providers of completions: what all have in common, and any that speaks OpenAI's HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Protocol

import httpx
import orjson

from app.completions.pieces import Finish, Piece, ProviderError, error_text, pieces_of
from app.completions.sse import LINE_BYTES, BadStream, SseParser, read_json

REFUSAL_BYTES = 64 << 10
REFUSAL_S = 10.0
"""How much of an error's body is read, and for how long."""


class Upstream(Protocol):
    """Where answers come from."""

    def answer(self, request: dict[str, Any]) -> AsyncGenerator[Piece, None]:
        """The pieces of the answer to a request as OpenAI has it. Raises ProviderError. Close it when done."""

    async def aclose(self) -> None: ...


class OpenAi:
    """A provider over HTTP. idle_s: its longest silence. What it sends is read as fast as it is used, no faster."""

    def __init__(self, base_url: str, key: str | None, idle_s: float, connect_s: float, streams: int) -> None:
        self._url = f"{base_url}/chat/completions"
        self._key = key
        self._idle_s = idle_s
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(idle_s, connect=connect_s, pool=connect_s)
        limits = httpx.Limits(max_connections=streams + 10, max_keepalive_connections=20)
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def answer(self, request: dict[str, Any]) -> AsyncGenerator[Piece, None]:
        finished = False
        try:
            async with self._client.stream("POST", self._url, json=request) as response:
                if response.status_code != 200:
                    raise await self._refusal(response)
                async for piece in _pieces(response.aiter_bytes()):
                    finished = finished or isinstance(piece, Finish)
                    yield piece
        except ProviderError as fault:
            raise ProviderError(self._masked(str(fault))) from None
        except (httpx.HTTPError, httpx.StreamError, BadStream) as fault:
            if not finished:
                raise ProviderError(self._masked(self._told(fault))) from fault

    def _told(self, fault: Exception) -> str:
        match fault:
            case BadStream():
                return f"The provider's answer cannot be read: {fault}."
            case httpx.ReadTimeout():
                return f"The provider has been silent for {self._idle_s:g} seconds."
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return "The provider cannot be reached."
            case httpx.RemoteProtocolError() | httpx.ReadError():
                return "The provider's answer was cut off."
        return f"The connection to the provider failed ({type(fault).__name__})."

    async def _refusal(self, response: httpx.Response) -> ProviderError:
        """What an error status says, in words."""
        said = error_text(await _start_of(response))
        status = response.status_code
        after = response.headers.get("retry-after", "")
        match status:
            case 401 | 403:
                told = f"The provider refused the key ({status})"
            case 429:
                told = f"The provider is busy or the quota is used up ({status})"
                told += f", try again in {after} seconds" if after.isdecimal() else ", try again later"
            case _ if status >= 500:
                told = f"The provider failed ({status})"
            case _:
                told = f"The provider refused the request ({status})"
        return ProviderError(f"{told}: {said}" if said else f"{told}.")

    def _masked(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


async def _start_of(response: httpx.Response) -> object:
    """The beginning of an error's body: JSON, or text; "" for a page of HTML or what does not come."""
    body = b""
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(REFUSAL_S):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > REFUSAL_BYTES:
                    break
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body[:REFUSAL_BYTES].decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else text


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    """The pieces of an answer, a stream of events or one JSON object: its first character tells.

    Raises BadStream for what is neither, ProviderError when it ends too early.
    """
    head = b""
    async for chunk in chunks:
        head = (head + chunk).removeprefix(b"\xef\xbb\xbf").lstrip()
        if head:
            break
    finished = False
    async for piece in _whole(head, chunks) if head.startswith(b"{") else _streamed(head, chunks):
        finished = finished or isinstance(piece, Finish)
        yield piece
    if not finished:
        raise ProviderError("The provider's answer was cut off." if head else "The provider sent no answer.")


async def _whole(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    body, size = [head], len(head)
    async for chunk in chunks:
        body.append(chunk)
        size += len(chunk)
        if size > LINE_BYTES:
            raise BadStream(f"it has more than {LINE_BYTES >> 20} MiB")
    try:
        value = read_json(b"".join(body))
    except ValueError as fault:
        raise BadStream("it is not JSON, or was cut off") from fault
    pieces = list(pieces_of(value))
    for piece in pieces:
        yield piece
    if pieces and not any(isinstance(piece, Finish) for piece in pieces):
        yield Finish("stop")


async def _streamed(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
    parser = SseParser()
    some = False
    async for value in _values(parser, head, chunks):
        for piece in pieces_of(value):
            some = True
            yield piece
    if not some and head:
        raise BadStream("it is no stream of completion events")
    if parser.ended:
        yield Finish("")


async def _values(parser: SseParser, head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    chunk: bytes | None = head
    while chunk is not None and not parser.ended:
        for value in parser.feed(chunk):
            yield value
        chunk = None if parser.ended else await anext(chunks, None)
    if not parser.ended:
        for value in parser.close():
            yield value
