"""A measured window: what each role's processes, and everybody else on the machine, used of the CPU meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import kernel


@dataclass(frozen=True, slots=True)
class Usage:
    """cpu_s: by role. foreign_cores: CPUs that processes which are not ours kept busy, on average."""

    seconds: float
    cpu_s: Mapping[str, float]
    foreign_cores: float


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    busy_s: float
    cpu_s: Mapping[str, float]


class Window:
    """roles: role -> pids of its processes, which live on. trees: roles whose processes come and go below one pid."""

    def __init__(self, roles: Mapping[str, Sequence[int]], trees: Mapping[str, int]) -> None:
        self._roles = {**roles, "conductor": [os.getpid()]}
        self._trees = trees
        self._begin = self._look()

    def _look(self) -> _Look:
        cpu = {role: sum(map(kernel.cpu_s, pids)) for role, pids in self._roles.items()}
        cpu |= {role: kernel.tree_s(pid) for role, pid in self._trees.items()}
        return _Look(time.monotonic(), kernel.busy_s(), cpu)

    def end(self) -> Usage:
        """What was used since the window began."""
        now, begin = self._look(), self._begin
        seconds = now.at - begin.at
        used = {role: max(0.0, value - begin.cpu_s[role]) for role, value in now.cpu_s.items()}
        foreign = (now.busy_s - begin.busy_s) - sum(used.values())
        return Usage(seconds, used, max(0.0, foreign / seconds))
