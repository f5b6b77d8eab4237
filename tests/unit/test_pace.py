"""When a tail waits so that entries come together, and when it does not."""

from streams.pace import WINDOW_S, Gathering, Pace, Reading

LONGEST_S = 0.002


def test_an_entry_that_comes_alone_is_never_waited_for() -> None:
    pace = Pace(LONGEST_S)
    assert [pace.after(1, 100 + number * 0.05) for number in range(100)] == [0.0] * 100


def test_entries_that_come_fast_one_by_one_are_gathered_within_a_moment() -> None:
    pace, now = Pace(LONGEST_S), 100.0
    pace.after(1, now)
    while not pace.after(1, now := now + 0.00025):
        assert now < 100 + WINDOW_S


def test_it_stays_so_while_they_come_in_batches_and_ends_when_they_end() -> None:
    pace, now = Pace(LONGEST_S), 100.0
    for _ in range(200):
        pace.after(8, now := now + LONGEST_S)
    assert pace.after(8, now + LONGEST_S) == LONGEST_S
    assert pace.after(1, now + 4 * WINDOW_S) == 0.0


def test_without_a_longest_pause_there_is_none() -> None:
    pace = Pace(0.0)
    assert not any(pace.after(1000, 100 + number * 0.001) for number in range(100))


def test_reads_of_entries_that_come_one_by_one_are_paused_for() -> None:
    pace, now, pause_s, pauses = Reading(LONGEST_S), 100.0, 0.0, 0
    for _ in range(400):
        now += pause_s or LONGEST_S / 8
        pause_s = pace.after(8 if pause_s else 1, now)
        pauses += bool(pause_s)
    assert 300 < pauses < 400


def test_what_a_sender_gathered_is_not_waited_for_again() -> None:
    pace = Reading(LONGEST_S)
    pauses = [bool(pace.after(8, 100 + number * LONGEST_S)) for number in range(400)]
    assert not any(pauses[200:])


def test_a_caller_who_awaits_each_append_is_hardly_ever_slowed_down() -> None:
    pace = Gathering(LONGEST_S)
    pauses = [bool(pace.after(1, 100 + number * 0.0002)) for number in range(5000)]
    assert sum(pauses) < 12
    assert not any(pauses[-500:-1])


def test_entries_that_come_one_by_one_from_many_are_gathered_once_a_pause_showed_it() -> None:
    pace, now, entries, pauses = Gathering(LONGEST_S), 100.0, 1, 0
    for _ in range(200):
        pause_s = pace.after(entries, now)
        entries, now = (2, now + LONGEST_S) if pause_s else (1, now + LONGEST_S / 2)
        pauses += bool(pause_s)
    assert pauses > 100


def test_batches_of_few_are_gathered_and_those_of_many_are_not() -> None:
    few, many = Gathering(LONGEST_S), Gathering(LONGEST_S)
    assert any(few.after(2, 100 + number * 0.0005) for number in range(200))
    assert not any(many.after(150, 100 + number * 0.0005) for number in range(100, 200) if many.after(150, 100))
