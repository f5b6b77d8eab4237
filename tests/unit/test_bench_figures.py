"""The benchmark reads the kernel and its own samples right."""

from __future__ import annotations

import os

import pytest

from bench import kernel
from bench.figures import latencies, percentile, spread
from bench.window import Window

STAT = "4242 (a (strange) name) S 17 4242 4242 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 3 0 9 1 1 0 0\n"
BUSY = "cpu  1000 100 500 90000 700 30 20 50 400 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"


def test_a_stat_line_is_read_also_when_the_name_has_parentheses() -> None:
    stat = kernel.parse_stat(STAT)
    ticks = (stat.user_s / kernel.TICK_S, stat.system_s / kernel.TICK_S, stat.reaped_s / kernel.TICK_S)
    assert (stat.pid, stat.parent) == (4242, 17)
    assert ticks == pytest.approx((250, 50, 50))


def test_idle_waiting_and_guests_do_not_count_as_busy() -> None:
    assert kernel.parse_busy(BUSY) / kernel.TICK_S == pytest.approx(1000 + 100 + 500 + 30 + 20 + 50)


def test_resident_memory_is_in_bytes() -> None:
    assert kernel.parse_rss("Name:\tx\nVmRSS:\t  1024 kB\n") == 1024 * 1024
    assert kernel.parse_rss("Name:\tending\n") == 0


def test_the_cpu_clock_of_a_process_agrees_with_its_own() -> None:
    before = kernel.cpu_s(os.getpid())
    sum(range(2_000_000))
    assert kernel.cpu_s(os.getpid()) > before


def test_a_window_counts_the_work_of_its_roles() -> None:
    window = Window({"nodes": [os.getpid()]}, {})
    sum(range(2_000_000))
    usage = window.end()
    assert usage.cpu_s["nodes"] > 0
    assert usage.foreign_cores >= 0


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = list(range(1, 101))
    assert [percentile(ordered, share) for share in (0.5, 0.99, 0.999, 1.0)] == [50, 99, 100, 100]
    assert percentile([5], 0.5) == 5


def test_the_median_of_runs_is_the_middle_one() -> None:
    assert spread([3, 1, 2]).median == 2
    assert spread([4, 1]).median == 2.5
    assert (spread([3, 1, 2]).low, spread([3, 1, 2]).high, spread([3, 1, 2]).runs) == (1, 3, 3)


def test_latencies_are_in_milliseconds() -> None:
    assert latencies([2_000_000] * 10)["p50_ms"] == 2.0
    assert latencies([]) == {}
