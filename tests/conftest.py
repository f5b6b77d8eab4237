"""Fixtures for every test."""

from __future__ import annotations

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
