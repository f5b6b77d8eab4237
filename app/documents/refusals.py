"""Why something of a document is refused, as clients are told."""

from __future__ import annotations

from typing import Any, Literal

Code = Literal["too_large", "rate", "readonly", "epoch", "invalid", "busy", "not_joined", "denied"]

PASSING = ("rate", "busy")
"""The same may be taken later."""


class Refusal(Exception):
    """Nothing was stored. limit: the limit that it breaks. retry_after_s: when the same may be taken."""

    def __init__(self, code: Code, message: str, *, limit: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.limit = limit
        self.retry_after_s = retry_after_s

    def wire(self) -> dict[str, Any]:
        """As the acknowledgement has it."""
        answer: dict[str, Any] = {"error": self.code, "message": str(self)}
        if self.limit:
            answer["limit"] = self.limit
        if self.retry_after_s is not None:
            answer["retry_after"] = round(self.retry_after_s, 3)
        return answer


class Behind(Exception):
    """The update needs what the log does not have: its sender has to send that too. Nothing was stored."""


def not_joined(document_id: str) -> Refusal:
    return Refusal("not_joined", f"join {document_id[:100]} first")


def busy(message: str, after_s: float = 1.0) -> Refusal:
    return Refusal("busy", message, retry_after_s=after_s)
