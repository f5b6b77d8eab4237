"""SIGTERM of a node: the web server would close every socket at once, so it hears of it when the drain is over."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def drained_before_stop(begin: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """At the first SIGTERM call `begin` in the loop, with what stops the web server then. The next one stops it at once
    (SIGINT always does), one more ends the process where it stands.

    Does nothing where no web server listens for SIGTERM, or not in this thread.
    """
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop) or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, draining = asyncio.get_running_loop(), False

    def heard(number: int, frame: FrameType | None) -> None:
        nonlocal draining
        if draining:
            signal.signal(number, signal.SIG_DFL)
            stop(number, frame)
        else:
            draining = True
            loop.call_soon_threadsafe(begin, lambda: stop(number, None))

    signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        draining = True  # whoever replaced this handler may set it again when we are gone
        if signal.getsignal(signal.SIGTERM) is heard:
            signal.signal(signal.SIGTERM, stop)
