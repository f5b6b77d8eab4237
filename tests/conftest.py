"""Fixtures for every test."""

from __future__ import annotations

import faulthandler
import os
import signal
from types import FrameType

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


def pytest_configure() -> None:
    """A process of the tests that is told to end says where it was: pytest-xdist only says that it is gone."""
    told = os.dup(2)  # the real one: nothing is captured yet

    def heard(number: int, _frame: FrameType | None) -> None:
        os.write(told, f"\nprocess {os.getpid()} got SIGTERM in {os.environ.get('PYTEST_CURRENT_TEST')}\n".encode())
        faulthandler.dump_traceback(told)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, heard)
