"""A session that was away obeys at its return what it would have obeyed at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from registry.moves import Missed
from streams.entry import Position

ROOMS = ("chat:a", "note:b")
Deed = tuple[str, str]


def at(ms: int) -> Position:
    return Position(ms, 0)


class Live:
    """What a session that is there makes of orders, and of its own joining and leaving."""

    def __init__(self) -> None:
        self.rooms: dict[str, Position] = {}
        self.left: dict[str, Position] = {}

    def do(self, what: str, room: str, position: Position) -> None:
        if what in ("into", "join"):
            self.rooms.setdefault(room, position)
        else:
            self.rooms.pop(room, None)
        if what == "leave":
            self.left[room] = position


DEEDS = st.lists(st.tuples(st.sampled_from(["into", "out_of", "join", "leave"]), st.sampled_from(ROOMS)), max_size=12)
ORDERS = st.lists(st.tuples(st.sampled_from(["into", "out_of"]), st.sampled_from(ROOMS)), max_size=8)


@given(DEEDS, ORDERS)
def test_orders_that_were_missed_and_those_that_were_obeyed_make_the_rooms_of_a_session_that_was_there(
    before: list[Deed], away: list[Deed]
) -> None:
    live, noted = Live(), {"into": dict[str, Position](), "out_of": dict[str, Position]()}
    for number, (what, room) in enumerate(before, 1):
        live.do(what, room, at(number))
        if what in noted:
            noted[what][room] = at(number)
    record = Live()
    record.rooms, record.left = dict(live.rooms), dict(live.left)
    for number, (what, room) in enumerate(away, len(before) + 1):
        live.do(what, room, at(number))
        noted[what][room] = at(number)
    missed = Missed(noted["into"], noted["out_of"])
    assert missed.obeyed(record.rooms, record.left).keys() == live.rooms.keys()
    assert missed.obeyed(live.rooms, live.left) == live.rooms, "once more changes nothing"


def test_a_room_that_was_left_and_entered_again_begins_at_the_second_entering() -> None:
    missed = Missed({"chat:a": at(5)}, {"chat:a": at(3)})
    assert missed.obeyed({"chat:a": at(1)}, {}) == {"chat:a": at(5)}
    assert missed.obeyed({"chat:a": at(4)}, {}) == {"chat:a": at(4)}, "it joined in between"
