"""What the kernel counted: CPU and memory of processes, and of the whole machine. Linux only.

CPU of a process comes from its CPU clock, which counts nanoseconds of all its threads, user and system, living or not.
/proc/<pid>/stat has the same in ticks of 10 ms, split in user and system. Formats: man 5 proc, clock_getcpuclockid(3).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of /proc/<pid>/stat. reaped_s: CPU of children that ended and were waited for."""

    pid: int
    parent: int
    user_s: float
    system_s: float
    reaped_s: float


def parse_stat(line: str) -> Stat:
    """Read /proc/<pid>/stat. The name in parentheses may itself have blanks and parentheses."""
    head, _, tail = line.rpartition(")")
    fields = tail.split()
    user, system, reaped_user, reaped_system = (int(fields[index]) * TICK_S for index in (11, 12, 13, 14))
    return Stat(int(head.split()[0]), int(fields[1]), user, system, reaped_user + reaped_system)


def parse_busy(text: str) -> float:
    """Seconds for which the machine's CPUs worked, since its start, from /proc/stat: all but idle and iowait.

    Guests' time is part of user time already; stolen time is somebody else's work on our CPUs.
    """
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in text.split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


def parse_rss(text: str) -> int:
    """Resident bytes from /proc/<pid>/status; 0 for a process that is ending."""
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def busy_s() -> float:
    """CPU seconds of everything on this machine."""
    return parse_busy((PROC / "stat").read_text())


def cpu_s(pid: int) -> float:
    """CPU seconds of a process. Raises OSError when there is no such process."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of that process


def tree_s(pid: int) -> float:
    """CPU seconds of a process, its living children, and those that it has waited for."""
    total = 0.0
    for stat in stats():
        if stat.pid == pid:
            total += stat.user_s + stat.system_s + stat.reaped_s
        elif stat.parent == pid:
            total += stat.user_s + stat.system_s
    return total


def stats() -> list[Stat]:
    """All processes that are there now."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                found.append(parse_stat((folder / "stat").read_text()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
    return found


def rss_bytes(pid: int) -> int:
    """Resident memory of a process. Raises OSError when there is no such process."""
    return parse_rss((PROC / str(pid) / "status").read_text())
