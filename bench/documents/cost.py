"""What a step of a target cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.program import Program
from bench.window import Usage, Window

TREES = ("worker", "postgres")
"""Programs that have processes of their own."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one client's link carried, in bytes of messages as the application has them: without frames' heads, not
    compressed. ms: from the connect until the client was in step."""

    received: int
    sent: int
    ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """cpu_ms: by role, for one of `times`. traffic: of one client; None where there is none. ms: of one."""

    cpu_ms: dict[str, float]
    ms: float
    foreign_cores: float
    times: int
    traffic: Traffic | None = None

    @property
    def nodes_ms(self) -> float:
        return self.cpu_ms.get("node", 0.0)

    @property
    def servers_ms(self) -> float:
        """Of nodes, worker, Redis and PostgreSQL."""
        return sum(self.cpu_ms.get(role, 0.0) for role in ("node", "redis", *TREES))


@dataclass(slots=True)
class Measured:
    """Filled while its window is open: one for each client. usage: when it is closed."""

    traffics: list[Traffic] = field(default_factory=list)
    usage: Usage | None = None

    def cost(self, times: int = 0) -> Cost:
        """Of one client's doing, or one of so many times. Bytes and time are the median client's."""
        assert self.usage is not None
        count = times or len(self.traffics)
        cpu = {role: seconds * 1e3 / count for role, seconds in self.usage.cpu_s.items() if role != "conductor"}
        ms = self.usage.seconds * 1e3 / count
        return Cost(cpu, ms, self.usage.foreign_cores, count, median(self.traffics) if self.traffics else None)


def median(traffics: Sequence[Traffic]) -> Traffic:
    """Of each figure apart."""
    middle = len(traffics) // 2
    columns = (sorted(t.received for t in traffics), sorted(t.sent for t in traffics), sorted(t.ms for t in traffics))
    return Traffic(int(columns[0][middle]), int(columns[1][middle]), columns[2][middle])


@dataclass(frozen=True, slots=True)
class Gauge:
    """Reads the kernel's count of a target's processes. clients: the pids of clients that are not in this process."""

    programs: Sequence[Program]
    postgres_pid: int = 0
    clients: Sequence[int] = ()

    @asynccontextmanager
    async def window(self) -> AsyncIterator[Measured]:
        """Measure what is done within."""
        roles: dict[str, list[int]] = {"clients": list(self.clients)} if self.clients else {}
        trees = {"postgres": self.postgres_pid} if self.postgres_pid else {}
        for program in self.programs:
            if program.role in TREES:
                trees[program.role] = program.pid
            else:
                roles.setdefault(program.role, []).append(program.pid)
        measured, window = Measured(), Window(roles, trees)
        yield measured
        measured.usage = window.end()
