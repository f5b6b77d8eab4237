"""The entry by which a document begins a new history."""

from __future__ import annotations

import json
from collections.abc import Mapping

from streams.append import NewEntry
from streams.document_change import DocumentChange, Reset, new_epoch
from streams.keys import document_of

RESET_EVENT = "ydoc:document:epoch"


def reset_entry(room: str, state: bytes, clocks: Mapping[int, int], of: str = "") -> NewEntry:
    """A history that begins with this state. clocks: its vector. of: the history that it replaces; "" for any.

    Sockets are told the epoch alone: who wants the state joins again.
    """
    change = DocumentChange(
        of, tuple((client, 0, clock) for client, clock in clocks.items()), reset=Reset(epoch := new_epoch())
    )
    data = json.dumps({"document_id": document_of(room), "epoch": epoch}).encode()
    return NewEntry(room, RESET_EVENT, data, binary=state, change=change)
