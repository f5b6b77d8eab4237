"""WebSocket frames of a server: whole messages, unmasked (RFC 6455, 5.2), compressed or not (RFC 7692). No I/O."""

from __future__ import annotations

import zlib

from engineio.packet import Packet

_FINAL_TEXT = b"\x81"
_FINAL_BINARY = b"\x82"
_FINAL_DEFLATED_TEXT = b"\xc1"

WINDOW_BITS = 12
"""Of what is compressed: a client that wants a smaller window gets nothing compressed."""

DEFLATED_BYTES = 512
"""A shorter message is sent as it is: it would shrink by a third at best, for more CPU than all else it costs."""

_MEMORY_LEVEL = 5
_FLUSHED = 4
"""Bytes 00 00 ff ff that end what zlib flushes, and that a message goes without (RFC 7692, 7.2.1)."""


def text_frame(payload: bytes) -> bytes:
    """A frame of a text message. payload: UTF-8."""
    return _FINAL_TEXT + _length(len(payload)) + payload


def deflated_text_frame(payload: bytes) -> bytes:
    """The same, compressed by itself, so that it is the same for every client; as it is where that is no shorter."""
    if len(payload) < DEFLATED_BYTES:
        return text_frame(payload)
    deflate = zlib.compressobj(wbits=-WINDOW_BITS, memLevel=_MEMORY_LEVEL)
    packed = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    size = len(packed) - _FLUSHED
    return _FINAL_DEFLATED_TEXT + _length(size) + packed[:size] if size < len(payload) else text_frame(payload)


def binary_frame(payload: bytes) -> bytes:
    return _FINAL_BINARY + _length(len(payload)) + payload


def frame_of(packet: Packet) -> bytes:
    """An Engine.IO packet as a frame."""
    encoded = packet.encode()
    return binary_frame(encoded) if isinstance(encoded, bytes) else text_frame(encoded.encode())


def _length(size: int) -> bytes:
    if size < 126:
        return size.to_bytes(1, "big")
    if size < 1 << 16:
        return b"\x7e" + size.to_bytes(2, "big")
    return b"\x7f" + size.to_bytes(8, "big")
