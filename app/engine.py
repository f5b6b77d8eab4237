"""The Engine.IO server: python-engineio's, with sockets of ours."""

from __future__ import annotations

from typing import Any

import engineio
from engineio import packet
from engineio.async_drivers.asgi import WebSocket as AsgiWebSocket

from app.enginesocket import EngineSocket
from app.sendqueue import SendQueue, Wire

FRAMES = "roomlog.frames"
"""Name of the ASGI extension by which a server offers `{"wire": Wire}`."""


class WebSocket(AsgiWebSocket):  # type: ignore[misc]  # python-engineio has no types
    """One WebSocket as ASGI has it. wire: the way past ASGI, where the web server offers it."""

    def __init__(self, handler: Any, server: Engine) -> None:
        super().__init__(handler, server)
        self._marks = server.marks
        self.wire: Wire | None = None

    async def __call__(self, environ: dict[str, Any]) -> Any:
        offered = environ["asgi.scope"].get("extensions", {}).get(FRAMES)
        if offered is not None:
            self.wire = offered["wire"]
            offered["wire"].set_marks(*self._marks)
        return await super().__call__(environ)


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # python-engineio has no types
    """marks: high and low water of a socket's write buffer, in bytes. python-socketio makes this server by its class
    alone, so they are set behind that."""

    start_service_task: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.marks = (256 << 10, 64 << 10)
        self._async: dict[str, Any] = {**self._async, "websocket": WebSocket}

    def create_queue(self, *args: Any, **kwargs: Any) -> SendQueue:
        return SendQueue()

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:
        """A client's first request: as python-engineio's, which names its own class of socket; without cookies."""
        if self.start_service_task:
            self.start_service_task = False
            self.service_task_handle = self.start_background_task(self._service_task)
        sid = self.generate_id()
        socket = self.sockets[sid] = EngineSocket(self, sid)
        await socket.send(packet.Packet(packet.OPEN, self._greeting(sid, transport)))
        refusal = await self._trigger_event("connect", sid, environ, run_async=False)
        if refusal is not None and refusal is not True:
            del self.sockets[sid]
            return self._unauthorized(refusal or None)
        socket.schedule_ping()
        if transport == "websocket":
            answer = await socket.handle_get_request(environ)
            if socket.closed:
                self.sockets.pop(sid, None)
            return answer
        socket.connected = True
        return self._ok(await socket.poll(), jsonp_index=jsonp_index)

    def _greeting(self, sid: str, transport: str) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": int(self.ping_timeout * 1000),
            "pingInterval": int(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
