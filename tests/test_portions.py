"""How many entries go into a look-up and a request, on a pacer whose measures are set by hand."""

import math

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.apply.portions import Portions
from cleanup.limits import BatchSize, Concurrency, OperatingBudget, Reading, RequestRate
from cleanup.portal.client import Ender
from cleanup.portal.pacing import Pacer, RequestBucket

KILL = "bizproc.workflow.kill"


class Line:
    """As much of a line as portions look at."""

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer


def portions(to_send: int, *, bucket: int | None = None, window: int = 8, known: bool = True) -> Portions:
    """Behind the start, with `window` requests in flight of which each took a second, unless `known` is False."""
    pacer = Pacer(
        bucket=None if bucket is None else RequestBucket(RequestRate(bucket, 2.0), None),
        budget=OperatingBudget(limit=24.0, share=0.9),
        size=BatchSize(target=10, largest=50),
        concurrency=Concurrency(known=window),
    )
    if known:
        for _ in range(2):
            pacer.size.answered(50, 1.0)
            pacer.concurrency.answered(50, 1.0, window=1, busy=1)
        assert pacer.concurrency.now == window
    found = Portions(Ender(Line(pacer)))  # type: ignore[arg-type]
    found.to_send = to_send
    return found


def fan(all_of: Portions) -> list[int]:
    """The first eight, which every apply begins with behind its start."""
    return [all_of.to_end(10_000, is_all=False) for _ in range(8)]


def test_the_first_requests_behind_the_start_are_not_answered_all_at_once() -> None:
    sizes = fan(portions(10_000))
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (10, 50)
    assert len(set(sizes)) > 6


def test_in_the_middle_of_it_a_request_is_full() -> None:
    one = portions(10_000)
    fan(one)
    assert one.to_end(10_000, is_all=False) == 50


@given(left=st.integers(1, 3000))
def test_what_is_left_is_shared_so_that_all_end_together(left: int) -> None:
    """No request is larger than a fair part of what is left, but none is so small that it is all way and no work."""
    one = portions(left)
    fan(one)
    sizes = []
    while left > 0:
        size = one.to_end(left, is_all=True)
        sizes.append(min(size, left))
        left -= size
        one.to_send = left
    assert sizes == sorted(sizes, reverse=True)
    assert all(size <= 10 or size * 8 <= sum(sizes[place:]) + 8 for place, size in enumerate(sizes))


@pytest.mark.parametrize("bucket", [2, 10, 40])
def test_where_the_bucket_decides_every_request_is_full(bucket: int) -> None:
    """Not one more than must be: each costs half a second there."""
    one = portions(50 * bucket, bucket=bucket)
    assert {one.to_end(50 * bucket, is_all=True) for _ in range(20)} == {50}


def test_what_the_budget_lets_through_is_shared_as_well() -> None:
    """Of 24 s, 16 are gone, and nine tenths of the limit may be used: that leaves 5.6 s, or some 230 kills."""
    one = portions(10_000)
    fan(one)
    budget, ender = one.ender.pacer.budget, one.ender
    charge = budget.charge({KILL: 500.0}, 0.0)
    budget.answered(charge, {KILL: Reading(0.0, reset_in=600.0)}, 10.0)
    charge = budget.charge({KILL: 1.0}, 11.0)
    budget.answered(charge, {KILL: Reading(16.0, reset_in=590.0)}, 11.1)
    let_through = ender.let_through(10_000)
    assert 200 < let_through < 300
    assert one.to_end(10_000, is_all=False) == math.ceil(let_through / 8)


def test_a_look_up_holds_few_where_requests_are_not_scarce_and_all_it_can_where_they_are() -> None:
    assert portions(10_000, known=False).to_check() == 100
    assert portions(10_000, bucket=50, known=False).to_check() == 2500
    assert portions(2_000, bucket=50, known=False).to_check() <= 500


def test_a_request_is_worth_its_way_also_near_the_end() -> None:
    one = portions(100)
    fan(one)
    assert one.to_end(100, is_all=True) == 13  # 20 ms each
    one.ender.pacer.size.seconds_each = 0.002
    assert one.to_end(100, is_all=True) == 25
    one.ender.pacer.round_trip = 0.08
    assert one.to_end(100, is_all=True) == 40


@pytest.mark.parametrize(("largest", "places"), [(32, 2), (1, 1)])
async def test_a_look_up_has_a_place_of_its_own_as_far_as_the_user_allows(largest: int, places: int) -> None:
    pacer = portions(1000, window=1, known=False).ender.pacer
    pacer.concurrency.largest = largest
    taken = 0

    async def take() -> None:
        nonlocal taken
        async with pacer.slot():
            taken += 1
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert taken == 1
        with pacer.aside():
            await anyio.wait_all_tasks_blocked()
            assert taken == places
        group.cancel_scope.cancel()
