"""How long the rest takes: the work, or the limit that holds it up the longest."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.limits import BucketOutflow, MethodBudget, WorkLeft, time_left


def work(entries: int, *, seconds_each: float = 0.1, in_flight: int = 4, batch: int = 50) -> WorkLeft:
    return WorkLeft(entries=entries, seconds_each=seconds_each, in_flight=in_flight, batch=batch)


def budget(units: float, *, cost: float = 0.1, room: float = 0.0, reset_in: float = 60.0) -> MethodBudget:
    return MethodBudget(units=units, cost=cost, room=room, window_room=432.0, reset_in=reset_in, window=600.0)


@pytest.mark.parametrize(
    ("left", "bucket", "budgets", "seconds"),
    [
        (work(4000), None, [], 100.0),
        (work(4000), BucketOutflow(left=49, per_second=2), [], 100.0),
        (work(10_000, seconds_each=0.01), BucketOutflow(left=50, per_second=2), [], 75.0),
        (work(10_000, seconds_each=0.01), BucketOutflow(left=500, per_second=2), [], 25.0),
        (work(4000), None, [budget(4000, room=400)], 100.0),
        (work(4000), None, [budget(4000, room=0)], 60.0 + 100.0),
        (work(8640), None, [budget(8640, room=0)], 60.0 + 600.0 + 108.0),
        (work(10), None, [budget(0), budget(10, room=0, reset_in=5)], 5.25),
        (work(0), BucketOutflow(left=0, per_second=2), [budget(0)], 0.0),
    ],
    ids=[
        "only the work",
        "a bucket with room",
        "a bucket that is emptied",
        "a bucket that is big enough",
        "a budget with room",
        "one window to wait for",
        "two windows to wait for",
        "the method that is full",
        "nothing left",
    ],
)
def test_the_longest_of_work_and_limits_counts(
    left: WorkLeft, bucket: BucketOutflow | None, budgets: list[MethodBudget], seconds: float
) -> None:
    assert time_left(left, bucket, budgets) == pytest.approx(seconds)


@given(
    entries=st.integers(0, 200_000),
    each=st.floats(0.001, 5),
    room=st.floats(0, 432),
    reset_in=st.floats(0, 600),
)
def test_it_is_never_less_than_what_the_limits_allow(entries: int, each: float, room: float, reset_in: float) -> None:
    left = work(entries, seconds_each=each)
    told = time_left(
        left, BucketOutflow(left=10, per_second=2), [budget(entries, cost=each, room=room, reset_in=reset_in)]
    )
    windows = ceil(max(0.0, entries * each - room) / 432)
    assert told >= (reset_in + (windows - 1) * 600 if windows else 0) - 1e-6
    assert told >= (ceil(entries / 50) - 10) / 2
    assert told >= entries * each / 4 - 1e-6
