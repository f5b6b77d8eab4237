"""Fixtures for every test."""

from __future__ import annotations

from tests.support.postgres import archive, database_url, postgres

__all__ = ["archive", "database_url", "postgres"]
