"""The Socket.IO server: python-socketio's, with connection state recovery.

What is ours: the CONNECT handshake (`{sid, pid}`, resume), the end of a session, and that a malformed packet gets an
answer instead of a stack trace. Protocol: https://socket.io/docs/v4/connection-state-recovery
"""

from __future__ import annotations

import logging
from typing import Any

import orjson
import socketio
from engineio import packet as eio_packet
from engineio.payload import Payload
from socketio import packet

from app import codec, metrics
from app.admission import Admission
from app.auth import BadToken
from app.engine import Engine
from app.gate import Gate
from app.packet_log import packet_log
from app.packets import event_packet
from app.payloads import BadPayload
from app.session import Session
from app.sessions import NodeSessions, reset_payload
from app.settings import Settings
from app.turnstile import TurnedAway, Turnstile
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.server")

MAX_ATTACHMENTS = 100
"""Binary attachments of one packet. Their bytes together are bounded like a message's."""

MAX_POLLED_PACKETS = 10_000
"""Packets in one polling request. A stock client sends all that waits at once; the library's own limit of 16 drops the
request and answers 200. The request's size is bounded by max_message_bytes."""


class BadPacket(ValueError):
    """A packet that the server does not take. The text is for its sender."""


class Server(socketio.AsyncServer):  # type: ignore[misc]  # python-socketio has no types
    """gate: decides who gets in. sessions: the node's sessions."""

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def __init__(self, settings: Settings, manager: socketio.AsyncManager, gate: Gate, sessions: NodeSessions) -> None:
        websocket = settings.enable_websocket_support
        super().__init__(
            async_mode="asgi",
            client_manager=manager,
            json=codec,
            async_handlers=False,  # a client's events are handled one after another: its queue is its socket
            transports=["polling", "websocket"] if websocket else ["polling"],
            allow_upgrades=websocket,
            ping_interval=settings.websocket_server_ping_interval,
            ping_timeout=settings.websocket_server_ping_timeout,
            max_http_buffer_size=settings.max_message_bytes,
            cors_allowed_origins=settings.origins,
            logger=packet_log("socketio", _level(settings.websocket_server_logging)),
            engineio_logger=packet_log("engineio", _level(settings.websocket_server_engineio_logging)),
        )
        high = settings.marks.written_bytes
        self.eio.marks = (high, high // 4)
        Payload.max_decode_packets = MAX_POLLED_PACKETS
        self._packet_bytes = settings.max_message_bytes
        self._queue_packets = settings.send_queue_packets
        self._gate = gate
        self._turnstile = Turnstile(settings.admitted_at_once, settings.admission_wait_s)
        self._sessions = sessions
        self._always = settings.always_connect
        self.by_connection: dict[str, Session] = {}
        """Engine.IO session id -> session."""

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """Answer a CONNECT packet."""
        if (namespace or "/") != "/":
            await self._refuse(eio_sid, namespace, "Unable to connect: there is only the namespace /")
            return
        if eio_sid in self.by_connection or self.manager.sid_from_eio_sid(eio_sid, "/") is not None:
            await self._refuse(eio_sid, namespace, "Unable to connect: connected already")
            return
        auth = data if isinstance(data, dict) else {}
        socket = self.eio.sockets.get(eio_sid)
        if socket is None:
            return
        try:
            async with self._turnstile.place():
                admission = await self._gate.admit(socket, auth)
        except BadToken as fault:
            metrics.REFUSED.labels("connect").inc()
            await self._turn_away(eio_sid, str(fault))
            return
        except (LogUnavailable, TurnedAway) as fault:
            log.warning("a client is sent away to come back: %s", fault)
            metrics.RESUMES.labels("sent_away").inc(bool(auth.get("pid")))
            await socket.close(wait=False, reason=self.reason.SERVER_DISCONNECT)
            return
        if socket.closed:
            await self._sessions.gone(admission.session, for_good=False)
            return
        how = "reconnected" if auth.get("pid") == admission.session.pid is not None else "connected"
        self.logger.info(f"session %(session)s of user %(user)s {how}", _names(admission.session))
        await self._welcome(eio_sid, admission)

    async def _welcome(self, eio_sid: str, admission: Admission) -> None:
        session = admission.session
        if self.manager.is_connected(session.sid, "/"):
            self.by_connection.pop(self.manager.eio_sid_from_sid(session.sid, "/"), None)
            await self.manager.disconnect(session.sid, "/")
        self.manager.admit(session.sid, eio_sid)
        ids = {"sid": session.sid, "pid": session.pid} if session.pid else {"sid": session.sid}
        self._put(session.socket, self.packet_class(packet.CONNECT, ids, namespace="/"))
        self._go_live(eio_sid, session)
        if admission.reset is not None:
            session.send("room:reset", reset_payload(admission.reset, self._sessions.hub.position))

    async def _turn_away(self, eio_sid: str, reason: str) -> None:
        """A client without a good token: refused, or (ALWAYS_CONNECT) connected into no room."""
        if not self._always:
            await self._refuse(eio_sid, "/", reason)
            return
        sid = await self.manager.connect(eio_sid, "/")
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT, {"sid": sid}, namespace="/"))

    async def _refuse(self, eio_sid: str, namespace: str | None, reason: str) -> None:
        self.logger.info("a client is refused: %s", reason)
        data = {"message": reason}
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT_ERROR, data=data, namespace=namespace))

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        """A packet with attachments goes out in one piece: a client takes nothing else in between."""
        encoded, socket = pkt.encode(), self.eio.sockets.get(eio_sid)
        if isinstance(encoded, list) and socket is not None and not socket.closed:
            for part in encoded:
                socket.queue.put_nowait(eio_packet.Packet(eio_packet.MESSAGE, part))
        elif not isinstance(encoded, list):
            await self.eio.send(eio_sid, encoded)

    def _put(self, socket: Any, pkt: packet.Packet) -> None:
        socket.queue.put_nowait(eio_packet.Packet(eio_packet.MESSAGE, pkt.encode()))

    def disconnect_now(self, session: Session) -> None:
        """Say goodbye (DISCONNECT packet) and take the session off the books, in this turn of the loop."""
        self._sessions.forget(session)
        self._put(session.socket, self.packet_class(packet.DISCONNECT, namespace="/"))

    async def finish(self, session: Session) -> None:
        """After `disconnect_now`: delete the record, close the link."""
        self.by_connection.pop(session.socket.sid, None)
        self._tell_end(session, self.reason.SERVER_DISCONNECT)
        await self.manager.disconnect(session.sid, "/")
        await self._sessions.gone(session, for_good=True)
        await session.socket.close(wait=False, reason=self.reason.SERVER_DISCONNECT)

    def _tell_end(self, session: Session, reason: str | None) -> None:
        said = {**_names(session), "reason": reason}
        self.logger.info("session %(session)s of user %(user)s disconnected: %(reason)s", said)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """Disconnect a session for good, on whichever node it is. Raises LogUnavailable."""
        await self.manager.disconnect_session(sid)

    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
        """As python-socketio's, but the request is not kept: nobody asks for it, and it is 3 KB of each client."""
        await super()._handle_eio_connect(eio_sid, environ)
        self.environ[eio_sid] = {}

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            self._check_attachment(eio_sid, data)
            await super()._handle_eio_message(eio_sid, data)
            waiting = self._binary_packet.get(eio_sid)
            if waiting is not None and waiting.attachment_count > MAX_ATTACHMENTS:
                raise BadPacket(f"a packet may have {MAX_ATTACHMENTS} attachments")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as fault:
            self._binary_packet.pop(eio_sid, None)
            log.info("connection %s sent a malformed packet: %s", eio_sid, type(fault).__name__)
            self._complain(eio_sid, str(fault) if isinstance(fault, BadPacket) else "malformed packet")

    def _check_attachment(self, eio_sid: str, data: Any) -> None:
        """Raises BadPacket when attachments that were announced do not come, or are too large."""
        waiting = self._binary_packet.get(eio_sid)
        if waiting is None:
            return
        if not isinstance(data, bytes):
            raise BadPacket("text came where an attachment was due")
        if len(data) + sum(map(len, waiting.attachments)) > self._packet_bytes:
            raise BadPacket(f"attachments may have {self._packet_bytes} bytes together")

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:  # noqa: A002
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise BadPacket("an event needs a name")
        if (namespace or "/") != "/":
            raise BadPacket("there is only the namespace /")
        if data[0] == "*" or data[0] in self.reserved_events:
            self._refuse_event(eio_sid, id, f"the event name {data[0]!r} is reserved")
        elif eio_sid in self.by_connection or await self._lift(eio_sid, id, data):
            await super()._handle_event(eio_sid, namespace, id, data)

    async def _lift(self, eio_sid: str, id: int | None, data: list[Any]) -> bool:  # noqa: A002
        """Make a session of a socket that was connected into no room, if this is a `user-join` with a good token.

        False when it is not: the client is told so.
        """
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        socket = self.eio.sockets.get(eio_sid)
        if sid is None or socket is None:
            return False
        try:
            session = await self._gate.lift(socket, sid, *data)
        except (BadToken, BadPayload) as fault:
            self._refuse_event(eio_sid, id, str(fault))
            return False
        except LogUnavailable as fault:
            log.warning("a client without a session has to try again: %s", fault)
            self._refuse_event(eio_sid, id, "the server is not ready, try again")
            return False
        if socket.closed:
            await self._sessions.gone(session, for_good=False)
            return False
        self.logger.info("session %(session)s of user %(user)s connected", _names(session))
        self._go_live(eio_sid, session)
        return True

    def _go_live(self, eio_sid: str, session: Session) -> None:
        self.by_connection[eio_sid] = session
        session.welcomed = True
        self._sessions.start_feeding(session)

    def _refuse_event(self, eio_sid: str, id: int | None, reason: str) -> None:  # noqa: A002
        self._complain(eio_sid, reason)
        socket = self.eio.sockets.get(eio_sid)
        if id is not None and socket is not None and self._is_connected(eio_sid):
            self._put(socket, self.packet_class(packet.ACK, namespace="/", id=id, data=[False]))

    def _is_connected(self, eio_sid: str) -> bool:
        """Whether its CONNECT was answered, with a session or into no room."""
        return self.manager.sid_from_eio_sid(eio_sid, "/") is not None

    def _complain(self, eio_sid: str, reason: str) -> None:
        metrics.BAD_INPUT.inc()
        body = orjson.dumps({"message": reason})
        session, socket = self.by_connection.get(eio_sid), self.eio.sockets.get(eio_sid)
        if session is not None:
            session.send("error", body)
        elif socket is not None and self._is_connected(eio_sid) and socket.queue.qsize() < self._queue_packets:
            socket.queue.put_nowait(event_packet("error", body))

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        """The client said goodbye (DISCONNECT packet), or the link ended (`reason` of Engine.IO)."""
        session = self.by_connection.pop(eio_sid, None)
        if session is not None:
            self._tell_end(session, reason)
            for_good = reason == self.reason.CLIENT_DISCONNECT and not session.socket.closing
            await self._sessions.gone(session, for_good)
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        self._binary_packet.pop(eio_sid, None)
        if sid is not None:
            await self.manager.disconnect(sid, namespace or "/")


def _names(session: Session) -> dict[str, str]:
    return {"session": session.sid, "user": session.identity.user_id}


def _level(logged: bool) -> int:
    return logging.INFO if logged else logging.ERROR
