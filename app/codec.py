"""JSON for python-socketio, by orjson."""

from __future__ import annotations

from typing import Any

import orjson


def dumps(value: Any, **_options: Any) -> str:
    """JSON text. Raises TypeError on values that JSON cannot have; bytes are taken out by python-socketio before."""
    return orjson.dumps(value).decode()


def loads(text: str | bytes, **_options: Any) -> Any:
    """Raises ValueError on anything that is not JSON."""
    return orjson.loads(text)
