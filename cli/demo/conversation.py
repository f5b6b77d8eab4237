"""One document's stream, and what each of its clients has of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cli.demo.account import Account, Content, Event, account
from cli.demo.documents import Document, Step
from streams.entry import Position

MESSAGE_ID = "answer"


@dataclass(slots=True)
class Conversation:
    """A user's chat into which a document is streamed. sent: what the log has taken, in order."""

    document: Document
    script: list[Step]
    user: str
    token: str
    chat_id: str = ""
    sent: list[Event] = field(default_factory=list)

    @property
    def room(self) -> str:
        return f"user:{self.user}"

    @property
    def finished(self) -> bool:
        return len(self.sent) == len(self.script)

    @property
    def content(self) -> Content:
        """What the message must show."""
        return Content().after(self.sent)


class Ledger:
    """What one client knows of a conversation: a snapshot, if it took one, and every event that it was handed since.

    links: connections that it made. recovered: those that brought back its session. reloads: fresh starts.
    """

    def __init__(self, conversation: Conversation, client: str) -> None:
        self.conversation = conversation
        self.client = client
        self.events: list[Event] = []
        self.links = self.recovered = self.reloads = 0
        self._snapshot = Content()
        self._since = Position.ZERO
        self._owes_snapshot = False

    def take(self, message_id: str | None, event: Event) -> None:
        """Note an event. Those of the chat itself belong to no message and are not counted."""
        if message_id == MESSAGE_ID:
            self.events.append(event)

    def connected(self, recovered: bool) -> None:
        self.links += 1
        self.recovered += recovered

    def forget(self) -> None:
        """The page was reloaded: nothing is known, until `begin`."""
        self.reloads += 1
        self._owes_snapshot = True
        self.events = []
        self._snapshot, self._since = Content(), Position.ZERO

    def begin(self, snapshot: Content, position: Position) -> None:
        """Start from a snapshot that holds everything up to a position; events at or below it are in it already."""
        self._snapshot, self._since = snapshot, position
        self._owes_snapshot = False

    @property
    def tail(self) -> list[Event]:
        """The events after the snapshot; all without one."""
        return [event for event in self.events if event.position > self._since]

    @property
    def content(self) -> Content:
        return self._snapshot.after(self.tail)

    @property
    def account(self) -> Account:
        owed = [event for event in self.conversation.sent if event.position > self._since]
        return account(owed, self.tail)

    @property
    def complete(self) -> bool:
        """Whether the last event has come. Deliveries are in order, so nothing is due any more."""
        if self._owes_snapshot:
            return False
        last = self.conversation.sent[-1].position if self.conversation.finished else None
        here = self.events[-1].position if self.events else Position.ZERO
        return last is not None and max(here, self._since) >= last
