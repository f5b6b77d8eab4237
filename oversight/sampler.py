"""Taking the samples: every node would, one at a time does."""

from __future__ import annotations

import asyncio
import logging

from oversight.samples import STEP_S, Sample, Samples, sample_of
from registry.lease import Lease, LeaseLost
from registry.nodes import Nodes
from registry.shard import Shard
from registry.workers import Workers
from streams.errors import LogUnavailable
from streams.link import Client, Link
from streams.server import server_facts

log = logging.getLogger("roomlog.sampler")

LEASE_S = 10.0
"""A sampler that died is followed by another so long after, and LOOK_S."""

LOOK_S = 5.0


class Sampler:
    """Samples while it holds the lease. Two that do it for a moment do no harm: of a step the later sample counts."""

    def __init__(self, link: Link, client: Client) -> None:
        self._lease = Lease(link, client, "sampler", LEASE_S)
        self._samples = Samples(link.keys, client)
        self._nodes = Nodes(link.keys, client)
        self._workers = Workers(link.keys, client)
        self._shard = Shard(link.keys, client)
        self._client = client

    async def run(self) -> None:
        """Sample until cancelled, whenever nobody else does."""
        while True:
            try:
                await self._lease.run(self._sample_forever)
            except (LogUnavailable, LeaseLost) as fault:
                log.info("no sample: %s", fault)
            except Exception:  # what operators see is worth no node: all of them would meet it, one after the other
                log.exception("no sample could be made of what is there")
            await asyncio.sleep(LOOK_S)

    async def _sample_forever(self) -> None:
        while True:
            sample = await self._look()
            await self._samples.add(sample)
            await asyncio.sleep(STEP_S - sample.ms / 1000 % STEP_S)  # at the beginning of each step

    async def _look(self) -> Sample:
        nodes, workers, numbers, server = await asyncio.gather(
            self._nodes.reports(), self._workers.reports(), self._shard.numbers(), server_facts(self._client)
        )
        return sample_of(nodes, workers, numbers, server)
