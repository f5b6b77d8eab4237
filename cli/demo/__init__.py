"""`roomlog demo`: real documents through two nodes and a worker, to real clients, while things are cut and killed."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import uvloop
from rich.console import Console

from cli.demo.display import Display
from cli.demo.options import Options
from cli.demo.play import play
from cli.demo.report import Result, table
from cli.dev import first
from cli.errors import CommandError

__all__ = ["Options", "main"]

STOPPED = 130  # what a shell expects of a program that Ctrl-C ended
PLAIN_COLUMNS = 140  # the table's width where there is no terminal


def main(options: Options | None = None) -> int:
    """Run the demo and print its table. Returns 0 when everybody has what was sent, 1 on any difference.

    Raises CommandError or EmbeddedError when it cannot run.
    """
    options = options or Options()
    display = Display()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_until_signalled(options, display))
    except asyncio.CancelledError:
        display.say("stopped, everything removed")
        return STOPPED
    except BaseExceptionGroup as group:
        raise CommandError(first(group)) from group
    _print(result, options)
    return 0 if result.good else 1


async def _until_signalled(options: Options, display: Display) -> Result:
    """Play; the first SIGINT or SIGTERM cancels it, which tidies up, the second ends the process."""
    loop, playing = asyncio.get_running_loop(), asyncio.current_task()
    assert playing is not None

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        display.say("stopping")
        playing.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return await play(options, display)


def _print(result: Result, options: Options) -> None:
    if options.as_json:
        print(json.dumps(result.as_dict(), ensure_ascii=False, indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else PLAIN_COLUMNS).print(table(result))
