"""What dead nodes leave behind that does not expire by itself."""

from __future__ import annotations

from registry.calls import CallRecords
from registry.directs import Directs
from registry.nodes import Nodes
from streams.keys import Keys
from streams.link import Client, retrying, run_script


class Orphans:
    """All calls may be repeated and raise LogUnavailable. lease: the name under which one worker reaps at a time."""

    def __init__(self, keys: Keys, client: Client, lease: str) -> None:
        self._keys = keys
        self._client = client
        self._lease = lease
        self._directs = Directs(keys, client)
        self._calls = CallRecords(keys, client)
        self._nodes = Nodes(keys, client)

    async def reap(self, token: str) -> int:
        """Drop expired users and models, lines that nobody waits for, and old reports of nodes; withdraw questions
        whose caller died. Returns how many.

        Does nothing for a token that is not the lease's: a worker that was suspended and woke up changes nothing.
        """
        names = self._keys
        keys = [names.lease(self._lease), names.users, names.usage]
        dropped = int(await retrying(lambda: run_script(self._client, "reap", keys, [token])))
        if dropped < 0:
            return 0
        await self._nodes.alive()
        while (reaped := await self._directs.reap(self._lease, token)) > 0:
            dropped += reaped
        while (reaped := await self._calls.reap(self._lease, token)) > 0:
            dropped += reaped
        return dropped
