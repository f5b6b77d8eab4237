"""A long history of a note: three people type in runs at random places, and delete. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from pycrdt import Doc, TransactionEvent, XmlElement, XmlFragment, XmlText

PEOPLE = 3
RUN_KEYS = (10, 60)
DELETES = 0.12
"""Of all runs: the share that deletes backwards instead of typing."""


class Person:
    """Types; `said` has the update of every key."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[XmlFragment] = Doc(client_id=client)
        self.fragment = self.doc.get("prosemirror", type=XmlFragment)
        self.said: list[bytes] = []
        self._hearing = False
        self.doc.observe(self._note)

    @property
    def text(self) -> XmlText:
        paragraph = self.fragment.children[0]
        assert isinstance(paragraph, XmlElement)
        found = paragraph.children[0]
        assert isinstance(found, XmlText)
        return found

    def begin(self) -> None:
        """Make the one paragraph."""
        with self.doc.transaction():
            self.fragment.children.append(XmlElement("paragraph")).children.append(XmlText(""))

    def run(self, chance: Random, keys: int) -> None:
        """A run of keys at one place."""
        text, length = self.text, len(self.text)
        at = chance.randint(0, length)
        if chance.random() < DELETES and at > keys:
            for key in range(keys):
                del text[at - key - 1 : at - key]
            return
        for key in range(keys):
            text.insert(at + key, chance.choice("abcdefghijklmnopqrstuvwxyz      "))

    def hear(self, updates: list[bytes]) -> None:
        """Take in what others typed."""
        self._hearing = True
        with self.doc.transaction():
            for update in updates:
                self.doc.apply_update(update)
        self._hearing = False

    def _note(self, event: TransactionEvent) -> None:
        if not self._hearing:
            self.said.append(event.update)


def history(chance: Random) -> Iterator[bytes]:
    """The updates, one for each key, without end."""
    people = [Person(number + 1) for number in range(PEOPLE)]
    people[0].begin()
    while True:
        for person in people:
            updates, person.said = person.said, []
            yield from updates
            for other in people:
                if other is not person and updates:
                    other.hear(updates)
            if person.fragment.children:
                person.run(chance, chance.randint(*RUN_KEYS))
                updates, person.said = person.said, []
                yield from updates
                for other in people:
                    if other is not person:
                        other.hear(updates)
