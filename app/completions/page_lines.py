"""Lines of a provider's stream as a page passes them on, read into JSON objects. No I/O.

The stock page splits every chunk that it reads at its newlines and sends what is not blank. So a line that two chunks
share comes in parts, which nothing marks, and numbers there are none. (A chunk of nothing but blanks it drops: nobody
can tell.)
"""

from __future__ import annotations

from typing import Any

from app.completions.sse import LINE_BYTES, BadStream, read_json

_IGNORED = (":", "event:", "id:", "retry:")
_DONE = "[DONE]"


class PageLines:
    """Puts the parts of lines together again. ended: `[DONE]` was seen; what follows it is ignored.

    What does not fit is a part whose line is missing: BadStream, rather than a text with a hole.
    """

    def __init__(self) -> None:
        self.ended = False
        self._part = ""
        self._after_ignored = False

    def feed(self, line: str) -> list[dict[str, Any]]:
        """The objects that this line, or part of one, completes. Raises BadStream; nothing may be fed after that."""
        if self.ended:
            return []
        if self._part.strip() == "data:" and line.startswith("data:"):
            self._part = ""  # it was an empty line, and no beginning
        whole = self._part + line
        if not self._part and whole.startswith(_IGNORED):
            self._after_ignored = True
            return []
        body = _body(whole)
        if body is None:
            return self._stray()
        self._after_ignored = False
        return self._read(body, whole, line)

    def close(self) -> None:
        """The stream is over. Raises BadStream when it ends within a line."""
        if self._part and not self.ended:
            raise BadStream("it ends within a line")

    def _stray(self) -> list[dict[str, Any]]:
        """The rest of a comment, which means nothing, or of a line whose beginning never came."""
        if not self._after_ignored:
            raise BadStream("a part of it is missing")
        return []

    def _read(self, body: str, whole: str, line: str) -> list[dict[str, Any]]:
        if body == _DONE:
            self.ended = True
            return []
        value = _json(body)
        if value is None and self._part and _is_whole(line):
            raise BadStream("a part of it is missing")
        if value is None:
            self._part = whole
            if len(whole) > LINE_BYTES:
                raise BadStream(f"it has a line of more than {LINE_BYTES >> 20} MiB")
            return []
        self._part = ""
        return value


def _body(text: str) -> str | None:
    """What a line of data says, as far as it came; None for what is no line of data."""
    text = text.strip()
    if text.startswith("data:"):
        return text.removeprefix("data:").strip()
    return text if text.startswith("{") or "data:".startswith(text) else None


def _is_whole(line: str) -> bool:
    """Whether a line says something by itself: it is not the rest of another."""
    body = _body(line) if line.startswith("data:") else None
    return body is not None and (body == _DONE or bool(_json(body)))


def _json(body: str) -> list[dict[str, Any]] | None:
    """The object in a list, an empty one for another value; None while it is not complete."""
    try:
        value = read_json(body.encode())
    except ValueError:
        return None
    return [value] if isinstance(value, dict) else []
