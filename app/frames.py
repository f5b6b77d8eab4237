"""WebSocket frames of a server: whole messages, unmasked, uncompressed (RFC 6455, 5.2). No I/O."""

from __future__ import annotations

from engineio.packet import Packet

_FINAL_TEXT = b"\x81"
_FINAL_BINARY = b"\x82"


def text_frame(payload: bytes) -> bytes:
    """A frame of a text message. payload: UTF-8."""
    return _FINAL_TEXT + _length(len(payload)) + payload


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
