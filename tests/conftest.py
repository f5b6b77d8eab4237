"""Fixtures for every test."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import inspect
import os
import signal
from types import FrameType
from typing import Any

import pytest

from tests.support.nodes import fleet, own_fleet
from tests.support.postgres import archive, database_url, postgres, shared_database_url
from tests.support.valkey import appender, key_prefix, link, own_valkey, valkey

__all__ = [
    "appender",
    "archive",
    "database_url",
    "fleet",
    "key_prefix",
    "link",
    "own_fleet",
    "own_valkey",
    "postgres",
    "shared_database_url",
    "valkey",
]


CLEAN_S = 10.0
"""What a coroutine has to clean up, when its time is over, before pytest-timeout strikes."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """A coroutine whose time is over is cancelled as a task, so that what it has open is closed.

    pytest-timeout raises wherever Python stands: in a task of a node inside the test that ends the node, not the test.
    """
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
        return
    test = item.obj
    limit_s = _timeout_s(item) - CLEAN_S
    if limit_s <= 0:
        return

    @functools.wraps(test)
    async def limited(*args: Any, **named: Any) -> None:
        async with asyncio.timeout(limit_s):
            await test(*args, **named)

    item.obj = limited


def _timeout_s(item: pytest.Item) -> float:
    """As pytest-timeout finds it: of the test, of the command line, of the settings; 0 for none."""
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        return float(marker.args[0] if marker.args else marker.kwargs["timeout"])
    asked = item.config.getoption("timeout")
    return float(item.config.getini("timeout") or 0 if asked is None else asked)


def pytest_configure() -> None:
    """A process of the tests that is told to end says where it was: pytest-xdist only says that it is gone."""
    told = os.dup(2)  # the real one: nothing is captured yet

    def heard(number: int, _frame: FrameType | None) -> None:
        os.write(told, f"\nprocess {os.getpid()} got SIGTERM in {os.environ.get('PYTEST_CURRENT_TEST')}\n".encode())
        faulthandler.dump_traceback(told)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, heard)
