"""What clients say about documents, parsed at the edge. Bytes come as binary, as a list of numbers, or as base64."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from app.documents.refusals import Refusal
from app.payloads import BadPayload, Name

_DOCUMENT = re.compile(r"note[:_](.+)", re.DOTALL)


def _note_of(document_id: str) -> str:
    match = _DOCUMENT.fullmatch(document_id)
    if match is None:
        raise ValueError("note:{id} is accepted")
    return match[1]


NoteOf = Annotated[Name, AfterValidator(_note_of)]
"""`note:{id}`, or `note_{id}`, read as the note's id."""


class DocumentNamed(BaseModel):
    """`ydoc:document:state` and `ydoc:document:leave`; document_id is read as the note's id."""

    document_id: NoteOf


class DocumentJoin(DocumentNamed):
    """`ydoc:document:join`. v 2: epoch, since and state_vector are of what the client has."""

    user_name: Any = None
    user_color: Any = None
    v: Any = None
    epoch: str | None = Field(None, max_length=32)
    since: str | None = Field(None, max_length=64)
    state_vector: Any = None

    @property
    def shown(self) -> dict[str, str]:
        """What others may be shown of the user, besides the id."""
        said = {"user_name": self.user_name, "user_color": self.user_color}
        return {name: value[:200] for name, value in said.items() if isinstance(value, str)}


class DocumentUpdate(DocumentNamed):
    """`ydoc:document:update`: an update, a rendering of the whole note, or both."""

    update: Any = None
    data: dict[str, Any] | None = None
    initialize: bool = False
    epoch: str | None = Field(None, max_length=32)


class AwarenessUpdate(DocumentNamed):
    """`ydoc:awareness:update`."""

    update: Any


def as_bytes(value: object, most: int, name: str) -> bytes:
    """The bytes that a client sent. most: how many are taken. Raises Refusal (too_large), BadPayload."""
    size = len(value) if isinstance(value, bytes | list | str) else 0
    if size > (most * 4 // 3 + 4 if isinstance(value, str) else most):
        raise too_large(name, most)
    try:
        if isinstance(value, bytes):
            return value
        if isinstance(value, list):
            return bytes(value)
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (ValueError, TypeError, OverflowError, binascii.Error) as fault:
        raise BadPayload(f"{name}: bytes, a list of numbers from 0 to 255, or base64") from fault
    raise BadPayload(f"{name}: bytes, a list of numbers from 0 to 255, or base64")


def too_large(name: str, most: int) -> Refusal:
    return Refusal("too_large", f"{name} may have {most} bytes", limit=f"{name} {most} bytes")
