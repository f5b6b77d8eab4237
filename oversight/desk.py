"""All that an operator can look at and do, put together for who serves it."""

from __future__ import annotations

from archive.store import Archive
from oversight.audit import Audit
from oversight.events import RoomEvents
from oversight.letters import Letters
from oversight.overview import Overseer
from oversight.people import People
from oversight.rooms import RoomList
from oversight.sampler import Sampler
from oversight.samples import Samples
from streams.link import Client, Link
from streams.replay import Reader


class Desk:
    """worker_lag_s, version: as `Overseer` takes them. Nothing runs but who runs the `sampler`."""

    def __init__(self, link: Link, client: Client, archive: Archive, worker_lag_s: float, version: str) -> None:
        self.overseer = Overseer(link, client, archive, worker_lag_s, version)
        self.samples = Samples(link.keys, client)
        self.sampler = Sampler(link, client)
        self.rooms = RoomList(link, client, archive)
        self.events = RoomEvents(Reader(link, client))
        self.letters = Letters(link, client)
        self.people = People(link.keys, client, archive)
        self.audit = Audit(link.keys, client)
