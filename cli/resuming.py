"""A Python Socket.IO client that resumes: python-socketio's, with the client half of connection state recovery.

The official JavaScript client does this by itself since 4.6. Protocol:
https://socket.io/docs/v4/connection-state-recovery
"""

from __future__ import annotations

from typing import Any

import socketio

ANSWER_S = 10
"""How long the answer to a CONNECT packet may take; the library's own one second is short for a busy machine."""


class ResumingClient(socketio.AsyncClient):  # type: ignore[misc]  # python-socketio has no types
    """Connect it with `open`. Handlers of durable events get the position as their last argument.

    recovered: True when the last (re)connection brought back the old session and everything missed.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pid: str | None = None
        self.offset: str | None = None
        self.recovered = False

    async def open(self, url: str, token: str, transports: list[str] | None = None) -> None:
        """Connect to a node, and resume if this client was connected before. Raises socketio's ConnectionError."""
        self._token = token
        self._binary_packet = None  # an event whose attachment did not come before the last link ended
        await self.connect(
            url, socketio_path="/ws/socket.io", auth=self._auth, transports=transports, wait_timeout=ANSWER_S
        )

    def _auth(self) -> dict[str, str]:
        """What the client sends with every CONNECT packet."""
        auth = {"token": self._token}
        if self.pid is not None:
            auth["pid"] = self.pid
            if self.offset is not None:
                auth["offset"] = self.offset
        return auth

    async def _handle_connect(self, namespace: str | None, data: dict[str, str] | None) -> None:
        pid = (data or {}).get("pid")
        self.recovered = pid is not None and pid == self.pid
        if not self.recovered:
            self.offset = None
        self.pid = pid
        await super()._handle_connect(namespace, data)

    async def _handle_eio_message(self, data: str | bytes) -> None:
        """An attachment whose event came before the link ended belongs to nothing any more."""
        if isinstance(data, str) or self._binary_packet is not None:
            await super()._handle_eio_message(data)

    async def _handle_event(self, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002
        if id is None and len(data) > 1 and isinstance(data[-1], str) and self.pid is not None:
            self.offset = data[-1]
        await super()._handle_event(namespace, id, data)
