"""`roomlog serve`: one node."""

import contextlib
import signal

import uvicorn

from app.settings import load_settings

APPLICATION = "app.main:app"
WEBSOCKETS = "app.wire:WebSocketProtocol"
STOP_S = 5  # how long requests that are under way may take at a stop


def serve(host: str | None, port: int | None) -> int:
    """Run a node until SIGINT or SIGTERM. Returns the exit code: 0 stopped, 1 died. Raises `SettingsError`."""
    settings = load_settings()
    config = uvicorn.Config(
        APPLICATION,
        host=host or settings.host,
        port=port or settings.port,
        loop="uvloop",
        http="httptools",
        ws=WEBSOCKETS,
        ws_per_message_deflate=settings.websocket_compression,
        ws_max_size=settings.max_message_bytes + 1,  # one more than we take, so that the refusal is ours, with a reason
        log_level="info" if settings.log_level == "DEBUG" else settings.log_level.lower(),  # its DEBUG shows frames
        access_log=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_graceful_shutdown=STOP_S,
    )
    return run(uvicorn.Server(config))


def run(server: uvicorn.Server) -> int:
    """Serve; returns the exit code. uvicorn raises the signal that stopped it again: left alone, that would kill us."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 1 if server.started and server.lifespan.error_occurred else 0
