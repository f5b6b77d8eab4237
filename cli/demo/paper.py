"""A note's Yjs document as an editor of rich text keeps it: paragraphs in the fragment `prosemirror`. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pycrdt import Doc, TransactionEvent, XmlElement, XmlFragment, XmlText, merge_updates

NOTHING = b"\x00\x00"
"""The Yjs update in which there is nothing."""


class Paper:
    """on_edit: told the update of every edit that is made here, not of those that are applied."""

    def __init__(self, on_edit: Callable[[bytes], None]) -> None:
        self.doc: Doc[XmlFragment] = Doc()
        self._fragment = self.doc.get("prosemirror", type=XmlFragment)
        self._on_edit = on_edit
        self._applying = False
        self.doc.observe(self._changed)

    @property
    def text(self) -> str:
        """The text of all paragraphs, with nothing between them."""
        return "".join(str(text) for text in self._texts())

    @property
    def empty(self) -> bool:
        return len(self._fragment.children) == 0

    @property
    def vector(self) -> bytes:
        """The Yjs state vector: what is here."""
        return self.doc.get_state()

    def since(self, vector: bytes | None = None) -> bytes:
        """What somebody lacks who has this state vector; without one, everything."""
        return self.doc.get_update(vector)

    def insert(self, at: float, text: str) -> None:
        """Write into the text; at: where, as a share of what is there. The first text makes a paragraph."""
        if self.empty:
            with self.doc.transaction():
                paragraph = self._fragment.children.append(XmlElement("paragraph"))
                paragraph.children.append(XmlText(text))
            return
        place, index = self._place(at)
        place.insert(_bytes_before(place, index), text)

    def delete(self, at: float) -> str:
        """Delete a character; returns it, "" when there is none."""
        if not self.text:
            return ""
        place, index = self._place(at)
        deleted = str(place)[index]
        del place[_bytes_before(place, index) : _bytes_before(place, index + 1)]
        return deleted

    def apply(self, update: bytes) -> None:
        """Take in what was edited elsewhere."""
        self._applying = True
        try:
            self.doc.apply_update(update)
        finally:
            self._applying = False

    def _changed(self, event: TransactionEvent) -> None:
        if not self._applying and event.update != NOTHING:
            self._on_edit(event.update)

    def _texts(self) -> Iterator[XmlText]:
        for paragraph in self._fragment.children:
            if isinstance(paragraph, XmlElement):
                yield from (child for child in paragraph.children if isinstance(child, XmlText))

    def _place(self, at: float) -> tuple[XmlText, int]:
        """A text, and the character in it that lies at this share of all characters."""
        left = int(at * len(self.text))
        place = None
        for place in self._texts():
            if left < len(str(place)):
                return place, left
            left -= len(str(place))
        assert place is not None
        return place, len(str(place))


def merged(updates: list[bytes]) -> bytes:
    """Updates as one."""
    return updates[0] if len(updates) == 1 else merge_updates(*updates)


def _bytes_before(place: XmlText, index: int) -> int:
    """pycrdt counts the places in a text in bytes of UTF-8."""
    return len(str(place)[:index].encode())
