"""The demo's judgement: what it streams, and how it tells a repeated, a lost and a misplaced event."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.demo.account import Account, Content, Event, account
from cli.demo.completion import END, said, sound
from cli.demo.conversation import MESSAGE_ID, Conversation, Ledger
from cli.demo.documents import Document, Step, load, script, words
from cli.demo.report import client_row, section, stored_row
from cli.errors import CommandError
from streams.entry import Position


def message(number: int, content: str) -> Event:
    return Event(Position(1, number), "message", {"content": content})


def status(number: int) -> Event:
    return Event(Position(1, number), "status", {"description": f"step {number}"})


SENT = [status(1), message(2, "one"), message(3, " two"), message(4, " three"), status(5)]


@given(st.text())
def test_the_words_of_a_text_joined_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text


def test_a_language_without_spaces_has_words_too() -> None:
    assert words("实时通信, in two\n lines") == ["实时", "通信", ",", " in", " two", "\n lines"]


def test_a_script_says_the_whole_document_and_ends() -> None:
    steps = script(Document("a.md", "to be or not to be " * 200), Random(1))
    said = Content().after([Event(Position(1, n), step.kind, step.data) for n, step in enumerate(steps)])
    assert said.text == "to be or not to be " * 200
    assert len(said.statuses) > 2
    assert said.sources
    assert steps[-1] == Step("chat:completion", {"done": True})


def test_the_same_seed_gives_the_same_script() -> None:
    document = Document("a.md", "word " * 500)
    assert script(document, Random(7)) == script(document, Random(7)) != script(document, Random(8))


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=str(tmp_path)):
        load(tmp_path)


def test_documents_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_bytes("zwei\r\nLänder".encode())
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "c.png").write_bytes(b"\x89")
    assert load(tmp_path) == [Document("a.txt", "one"), Document("b.md", "zwei\r\nLänder")]


def test_everything_once_and_in_order_is_clean() -> None:
    assert account(SENT, SENT) == Account(received=5, repeated=0, lost=0, misplaced=0)
    assert account(SENT, SENT).clean


@given(st.integers(0, 4))
def test_an_event_that_came_twice_is_repeated(place: int) -> None:
    assert account(SENT, [*SENT[: place + 1], *SENT[place:]]) == Account(6, repeated=1, lost=0, misplaced=0)


@given(st.integers(0, 4))
def test_an_event_that_did_not_come_is_lost(place: int) -> None:
    assert account(SENT, SENT[:place] + SENT[place + 1 :]) == Account(4, repeated=0, lost=1, misplaced=0)


def test_an_event_behind_a_later_one_is_misplaced() -> None:
    assert account(SENT, [SENT[0], SENT[2], SENT[1], *SENT[3:]]) == Account(5, repeated=0, lost=0, misplaced=1)


def test_an_event_that_nobody_sent_is_misplaced() -> None:
    assert account(SENT, [*SENT, status(9)]) == Account(6, repeated=0, lost=0, misplaced=1)


def test_deltas_that_come_joined_count_as_all_that_they_hold() -> None:
    joined = [SENT[0], message(4, "one two three"), SENT[4]]
    assert account(SENT, joined) == Account(3, repeated=0, lost=0, misplaced=0)
    assert account(SENT, [SENT[0], SENT[1], *joined[1:]]).repeated == 1
    assert account(SENT, [SENT[0], message(4, " two three"), SENT[4]]).lost == 1


def conversation() -> Conversation:
    made = Conversation(Document("a.md", "one two three"), [Step(e.kind, e.data) for e in SENT], "alice", "token")
    made.sent += SENT
    return made


def test_a_client_that_reloaded_has_its_snapshot_and_what_came_after_it() -> None:
    ledger = Ledger(conversation(), "reloads")
    ledger.take(MESSAGE_ID, SENT[1])
    ledger.forget()
    for event in SENT[1:]:  # it listened before it read the snapshot, which has the first of these already
        ledger.take(MESSAGE_ID, event)
    assert not ledger.complete
    ledger.begin(Content().after(SENT[:3]), SENT[2].position)
    assert ledger.complete
    assert ledger.content == Content().after(SENT)
    assert client_row(ledger).good


def test_a_client_is_not_complete_before_the_last_event() -> None:
    ledger = Ledger(conversation(), "cut")
    for event in SENT[:-1]:
        ledger.take(MESSAGE_ID, event)
    assert not ledger.complete
    assert client_row(ledger).account == Account(4, 0, 1, 0)


def test_events_of_the_chat_itself_are_not_counted() -> None:
    ledger = Ledger(conversation(), "stays")
    ledger.take(None, status(1))
    assert ledger.events == []


def test_one_row_that_differs_spoils_its_document() -> None:
    made = conversation()
    whole = stored_row("PostgreSQL", Content().after(SENT), made)
    assert section(made, [whole]).good
    assert not section(made, [whole, stored_row("GET chat", Content().after(SENT[:-1]), made)]).good


def test_a_producer_that_said_something_else_than_the_document_spoils_it_too() -> None:
    made = conversation()
    made.sent.pop(3)
    assert not section(made, []).good


def deltas(count: int) -> list[Event]:
    return [Event(Position(1, n), "chat:message:delta", {"content": f"{n} "}) for n in range(count)]


END_EVENT = Event(Position(1, 9), END, {})


def test_a_stopped_completion_is_sound_when_the_stop_comes_last() -> None:
    events = [*deltas(3), END_EVENT]
    assert said(events) == "0 1 2 "
    assert sound(events)


@pytest.mark.parametrize(
    "events",
    [
        deltas(3),
        [*deltas(3), END_EVENT, Event(Position(1, 10), "chat:message:delta", {"content": "late"})],
        [*deltas(3), END_EVENT, END_EVENT],
        [*deltas(3), *deltas(3), END_EVENT],
        [*deltas(3)[::-1], END_EVENT],
    ],
    ids=["no end", "late token", "two ends", "repeated", "misplaced"],
)
def test_a_completion_that_is_not_stopped_cleanly_is_found_out(events: list[Event]) -> None:
    assert not sound(events)
