"""How many requests are in flight, on a model of a portal with a clock of its own (pace_model.py)."""

from collections.abc import Sequence
from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.limits import BatchSize, Concurrency
from tests.pace_model import Portal, Seen, Senders

#: After so many full batches' worth of kills the window is found: the batches of the start are small.
FOUND = 20
each_ = st.sampled_from([0.005, 0.04, 0.3, 1.3])


def constant(each: float, *, workers: int, spread: float = 0.0, seed: int = 0) -> Portal:
    return Portal(workers, lambda _: each, spread, seed)


def slowdown(seen: Sequence[Seen], each: float) -> float:
    """Seconds per kill over the unloaded ones."""
    return sum(batch.answered - batch.sent for batch in seen) / sum(batch.kills for batch in seen) / each


def use(seen: Sequence[Seen], each: float, workers: int) -> float:
    """Which part of the portal's work was ours, 0 to 1."""
    return sum(batch.kills for batch in seen) * each / workers / (seen[-1].answered - seen[0].answered)


def until(senders: Senders, full_batches: int) -> None:
    """Until the work of so many full batches is done."""
    done = 0.0
    while done < full_batches:
        batch = senders.run(1)[0]
        done += batch.kills / max(senders.size.now, batch.kills)


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 8), each=each_)
def test_within_twenty_batches_the_portal_is_busy_and_not_too_slow(workers: int, each: float) -> None:
    senders = Senders(constant(each, workers=workers), Concurrency())
    until(senders, FOUND)
    later = senders.run(150)
    assert use(later, each, workers) > 0.8
    assert slowdown(later, each) < 1.06 * 1.5


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 12), each=each_)
def test_on_a_steady_portal_it_comes_to_rest_and_moves_by_no_more_than_a_step(workers: int, each: float) -> None:
    senders = Senders(constant(each, workers=workers), Concurrency())
    senders.run(400)
    windows = [batch.following for batch in senders.run(300)]
    usual = max(set(windows), key=windows.count)
    assert windows.count(usual) >= 0.5 * len(windows)
    assert {abs(window - usual) for window in windows} <= {0, 1}


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 16), each=each_, spread=st.floats(0.0, 0.9), seed=st.integers(0, 2**16))
def test_kills_that_differ_do_not_lead_it_astray(workers: int, each: float, spread: float, seed: int) -> None:
    senders = Senders(constant(each, workers=workers, spread=spread, seed=seed), Concurrency())
    senders.run(300)
    later = senders.run(300)
    assert use(later, each, workers) > 0.65
    assert slowdown(later, each) < 1.8


@settings(max_examples=40, deadline=None)
@given(workers=st.integers(1, 16), each=each_, limit=st.sampled_from([1.1, 1.25, 2.0, 3.0]))
def test_the_longest_that_a_kill_may_take_is_the_users_choice(workers: int, each: float, limit: float) -> None:
    senders = Senders(constant(each, workers=workers), Concurrency(slowdown=limit))
    senders.run(300)
    later = senders.run(200)
    assert slowdown(later, each) < 1.06 * max(limit, 1 + 1 / workers)
    assert use(later, each, workers) > 0.6


@settings(max_examples=60, deadline=None)
@given(workers=st.integers(1, 16), each=each_)
def test_it_begins_with_one_and_never_more_than_doubles(workers: int, each: float) -> None:
    senders = Senders(constant(each, workers=workers), Concurrency())
    first = senders.run(60)
    assert first[0].window == 1
    assert all(batch.following <= (2 if batch.window < 8 else 1.5) * batch.window for batch in first)


@settings(max_examples=40, deadline=None)
@given(before=st.integers(1, 16), after=st.integers(1, 16), each=each_)
def test_workers_that_come_and_go_are_followed(before: int, after: int, each: float) -> None:
    portal = constant(each, workers=before)
    senders = Senders(portal, Concurrency())
    senders.run(300)
    portal.resize(after, senders.now)
    senders.run(400)
    later = senders.run(200)
    # At worst it changed just while the unloaded time was sought, which is then off by as much again for a while.
    assert slowdown(later, each) < 1.5**2 + 0.1
    assert use(later, each, after) > 0.6


@settings(max_examples=40, deadline=None)
@given(workers=st.integers(1, 16), each=each_, times=st.sampled_from([0.25, 0.5, 2.0, 5.0]))
def test_kills_that_become_slower_or_faster_are_no_queue(workers: int, each: float, times: float) -> None:
    """Heavier processes come later in the list: it is not for our requests that they take longer."""
    changes: list[float] = []
    portal = Portal(workers, lambda now: each * times if changes and now >= changes[0] else each)
    senders = Senders(portal, Concurrency())
    senders.run(300)
    changes.append(senders.now)
    senders.run(400)
    later = senders.run(200)
    assert use(later, each * times, workers) > 0.6
    assert slowdown(later, each * times) < 1.75


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0.001, 60), st.booleans(), st.integers(1, 32)), max_size=200))
def test_it_stays_between_one_and_its_largest(history: list[tuple[int, float, bool, int]]) -> None:
    concurrency = Concurrency(largest=16)
    for count, seconds, broke, busy in history:
        if broke:
            concurrency.broke()
        else:
            concurrency.answered(count, seconds, window=concurrency.now, busy=busy)
        assert 1 <= concurrency.now <= 16


def test_a_round_that_the_budget_kept_requests_back_from_proves_nothing() -> None:
    """As short as they are, its batches may have been alone at the portal."""
    senders = Senders(constant(0.04, workers=32), Concurrency())
    senders.run(30)
    before = senders.concurrency.now
    assert before < 32
    for _ in range(100):
        senders.concurrency.held_back()
        senders.run(1)
    assert senders.concurrency.now == before
    later = senders.run(60)
    assert senders.concurrency.now > before
    assert all(batch.following <= batch.window + 1 for batch in later), "one by one"


def test_a_portal_in_trouble_halves_it_once_for_all_that_were_in_flight_and_it_comes_back_fast() -> None:
    senders = Senders(constant(0.005, workers=8), Concurrency())
    senders.run(100)
    before = senders.concurrency.now
    for _ in range(before):
        senders.concurrency.broke()
    assert before // 2 - 1 <= senders.concurrency.now <= before // 2
    senders.run(4 * before)
    assert senders.concurrency.now >= before - 2


def test_a_portal_that_answers_nothing_any_more_is_asked_by_one_request_at_a_time() -> None:
    senders = Senders(constant(0.005, workers=8), Concurrency())
    senders.run(100)
    for _ in range(100):
        senders.concurrency.broke()
    assert senders.concurrency.now == 1


@pytest.mark.parametrize("seed", range(5))
def test_one_request_in_ten_that_breaks_by_chance_leaves_the_portal_busy(seed: int) -> None:
    chance, senders = Random(seed), Senders(constant(0.02, workers=8), Concurrency())
    windows = []
    for _ in range(300):
        if chance.random() < 0.1:
            senders.concurrency.broke()
        senders.run(1)
        windows.append(senders.concurrency.now)
    assert median(windows[100:]) >= 7


def test_near_the_end_nothing_is_sought_any_more() -> None:
    senders = Senders(constant(0.3, workers=8, spread=0.9), Concurrency())
    senders.run(60)
    rested = max(batch.following for batch in senders.run(20))
    senders.concurrency.near_the_end()
    assert min(batch.following for batch in senders.run(200)) >= rested // 2


def test_a_window_that_is_not_filled_does_not_grow() -> None:
    concurrency = Concurrency()
    for _ in range(100):
        concurrency.answered(50, 0.25, window=concurrency.now, busy=1)
    assert concurrency.now <= 4


def test_a_later_run_begins_where_the_last_one_was() -> None:
    senders = Senders(constant(0.04, workers=8), Concurrency(known=8))
    assert [batch.following for batch in senders.run(1)] == [8]


@pytest.mark.parametrize(("each", "kills"), [(0.005, 5), (0.0001, 50), (0.05, 2), (2.0, 2)])
def test_a_taste_is_short_and_enough_to_measure(each: float, kills: int) -> None:
    size = BatchSize(target=10, largest=50)
    size.answered(50, 50 * each)
    assert size.taste() == kills
