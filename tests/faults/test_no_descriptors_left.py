"""A process has as many files open as it may: it takes nobody new, and goes on with those that it has."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, Process, eventually


async def test_nodes_and_workers_live_on_without_a_free_file_descriptor(fleet: Fleet) -> None:
    node, worker = await fleet.node(), fleet.worker()
    await eventually(lambda: "is at work" in worker.text(), 60)
    async with calling(node.url) as api, listening(node.url) as page:
        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "before "})
        with _none_left(node), _none_left(worker):
            for process in (node, worker):
                await eventually(lambda: "cannot look at its own process" in process.text(), 30)  # noqa: B023  # awaited
            await api.emit(chat, "message", {"content": "meanwhile "})
            await eventually(lambda: page.words == ["before", "meanwhile"])
    await node.ready()
    assert worker.process is not None
    assert worker.process.poll() is None, worker.text()


@contextmanager
def _none_left(process: Process) -> Iterator[None]:
    """Open files stay open."""
    assert process.process is not None
    pid = process.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
