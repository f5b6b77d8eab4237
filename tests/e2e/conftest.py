"""Fixtures of the tests with the official JavaScript client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.e2e.producer import Producer, open_producer
from tests.support.js import js
from tests.support.nodes import Fleet

__all__ = ["js"]


@pytest.fixture
async def producer(fleet: Fleet) -> AsyncIterator[Producer]:
    """Emits events from the test's own process: it goes on whatever happens to the nodes."""
    async with open_producer(fleet) as made:
        yield made
