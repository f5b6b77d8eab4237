"""A name server, as Docker's is for the services: the addresses of their containers, while these run."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import cast

A_RECORD, INTERNET = 1, 1
POINTER_TO_QUESTION = 0xC00C  # the name that stands at byte 12, behind the header (RFC 1035, 4.1.4)


class Names(asyncio.DatagramProtocol):
    """Answers questions for A records: `addresses` of a name. Every other question has an empty answer."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._answer(data), addr)

    def _answer(self, asked: bytes) -> bytes:
        question = asked[12 : asked.index(0, 12) + 5]
        (kind,) = struct.unpack("!H", question[-4:-2])
        name = question[1 : 1 + question[0]].decode()
        addresses = self.addresses.get(name, []) if kind == A_RECORD else []
        header = asked[:2] + struct.pack("!HHHHH", 0x8180, 1, len(addresses), 0, 0)
        return header + question + b"".join(map(_record, addresses))


def _record(address: str) -> bytes:
    packed = IPv4Address(address).packed
    return struct.pack("!HHHIH", POINTER_TO_QUESTION, A_RECORD, INTERNET, 1, len(packed)) + packed


@asynccontextmanager
async def names() -> AsyncIterator[Names]:
    """A name server on a port of loopback."""
    loop = asyncio.get_running_loop()
    transport, served = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    try:
        yield served
    finally:
        transport.close()
