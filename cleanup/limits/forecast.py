"""How long it will take to end so many instances, and which of the portal's limits decides that."""

from collections.abc import Iterable
from dataclasses import dataclass

from cleanup.limits.request_rate import RequestRate
from cleanup.limits.time_left import USUAL_WINDOW, Bound, BucketOutflow, MethodBudget, WorkLeft, held_up

#: Seconds for which a look-up's answer is used, and how many entries it can hold (notes/recheck.md).
_LOOK_UP_SECONDS = 15.0
_LOOK_UP_LIMIT = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What earlier runs measured on one portal."""

    #: Instances that ended a second while at least one request was in flight.
    per_second: float
    #: Seconds per instance inside a request, by our own clock.
    seconds_each: float
    #: Seconds of server time that the portal bills for one, under its own method and under `batch`. 0: nothing.
    operating_each: float
    batch_each: float
    #: Seconds of server time in the portal's window, as far as it showed its limit.
    operating_limit: float
    #: Length of the window in seconds, as the longest reset that was told.
    operating_window: float


#: For a portal on which nothing was measured yet (PORTAL.md 7: plan 0.05 to 0.5 s each).
GUESSES = tuple(
    Learned(
        per_second=4 / each,
        seconds_each=each,
        operating_each=each,
        batch_each=0.0,
        operating_limit=480.0,
        operating_window=USUAL_WINDOW,
    )
    for each in (0.05, 0.5)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The part of a rules file's pace and of the portal's state that a forecast needs."""

    #: None: no request bucket.
    rate: RequestRate | None
    #: Requests that are in the bucket already.
    level: float
    operating_limit: float
    operating_share: float
    batch_seconds: float
    batch_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    seconds: float
    requests: int
    bound: Bound


def forecast(counts: Iterable[int], learned: Learned, pacing: Pacing) -> Forecast:
    """For so many instances of each method (kill and terminate have counters of their own)."""
    counts = list(counts)
    work, rate = _work(sum(counts), learned, pacing), pacing.rate
    bucket = BucketOutflow(left=max(0.0, rate.burst - pacing.level), per_second=rate.per_second) if rate else None
    budgets = [_budget(count, learned.operating_each, learned, pacing) for count in counts]
    budgets.append(_budget(work.entries, learned.batch_each, learned, pacing))
    waits = held_up(work, bucket, budgets)
    bound = max(waits, key=lambda name: waits[name])
    return Forecast(seconds=waits[bound], requests=work.requests, bound=bound)


def _work(total: int, learned: Learned, pacing: Pacing) -> WorkLeft:
    return WorkLeft(
        entries=total,
        seconds_each=1 / learned.per_second,
        in_flight=1,  # what is in flight at once is in the measured rate already
        batch=max(1, min(pacing.batch_limit, int(pacing.batch_seconds / learned.seconds_each))),
        look_up=max(pacing.batch_limit, min(_LOOK_UP_LIMIT, int(_LOOK_UP_SECONDS * learned.per_second))),
    )


def _budget(count: int, each: float, learned: Learned, pacing: Pacing) -> MethodBudget:
    room = pacing.operating_share * min(pacing.operating_limit, learned.operating_limit)
    window = learned.operating_window
    return MethodBudget(units=count, cost=each, room=room, window_room=room, reset_in=window, window=window)
