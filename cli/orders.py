"""Orders that commands give to all nodes."""

from __future__ import annotations

from typing import Any

from app.orders import Orders
from app.producer import MOVES_TTL_S
from cli.place import LogPlace
from registry.moves import Moves
from registry.nodes import Nodes


def orders_at(place: LogPlace) -> Orders:
    """Gives orders to the nodes of a place. It obeys none: a command has no sessions."""
    nodes = Nodes(place.link.keys, place.client)
    moves = Moves(place.link.keys, place.client, MOVES_TTL_S)
    return Orders(place.appender, place.reader, nodes, moves, obeys_none, obeys_none)


def obeys_none(_: Any) -> Any:
    raise AssertionError("a command has no sessions and no tasks")
