"""How often something may be done from one address."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.allowance import ADDRESSES, SPAN_S, Allowance


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@settings(deadline=None)
@given(st.integers(1, 1_000))
def test_all_of_a_minute_may_be_taken_at_once_and_not_one_more(per_min: int) -> None:
    allowance = Allowance(per_min, Clock())
    assert not any(allowance.take("10.0.0.1") for _ in range(per_min))
    assert abs(allowance.take("10.0.0.1") - SPAN_S / per_min) < 1e-3


@settings(deadline=None)
@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_twice_a_minutes_share_in_a_minute(per_min: int, pauses: list[float]) -> None:
    """What was saved up, and what comes back meanwhile; who waits as long as it is told gets in."""
    clock = Clock()
    allowance, taken = Allowance(per_min, clock), [-SPAN_S]
    for pause in pauses:
        clock.now += pause
        wait_s = allowance.take("a")
        if wait_s:
            clock.now += wait_s + 1e-6
            assert allowance.take("a") == 0
        taken.append(clock.now)
    assert all(sum(at - SPAN_S < other <= at for other in taken) <= 2 * per_min for at in taken)


def test_addresses_do_not_know_of_each_other_but_one_network_of_ipv6_is_one() -> None:
    allowance = Allowance(1, Clock())
    for address in ("10.0.0.1", "10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.4", "2001:db8:0:1::1", "", "unix"):
        assert allowance.take(address) == 0, address
    assert allowance.take("10.0.0.1") > 0
    assert allowance.take("2001:db8:0:1:ffff::2") > 0
    assert allowance.take("2001:db8:0:2::1") == 0


def test_so_many_addresses_are_remembered_and_no_more() -> None:
    allowance = Allowance(1, Clock())
    for number in range(ADDRESSES + 1):
        assert allowance.take(f"address {number}") == 0
    assert allowance.take(f"address {ADDRESSES}") > 0
    assert allowance.take("address 0") == 0
