"""How long it will take to end so many instances, and which of the portal's limits decides that."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from cleanup.limits.request_rate import RequestRate

#: Requests beside the batches: the probe, and settling at start and end.
_OVERHEAD = 3
#: Seconds for which a look-up's answer is used, and how many entries it can hold (notes/recheck.md).
_LOOK_UP_SECONDS = 15.0
_LOOK_UP_LIMIT = 2500


class Bound(StrEnum):
    """What a run will wait for most of the time."""

    WORK = "the portal's own work"
    REQUESTS = "the request bucket"
    OPERATING = "the operating budget"


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
        operating_window=600.0,
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
    total = sum(counts)
    work = total / learned.per_second
    requests = _requests(total, learned, pacing) if total else 0
    operating = [_by_operating(count, learned.operating_each, learned, pacing) for count in counts]
    operating.append(_by_operating(total, learned.batch_each, learned, pacing))
    waits = {
        Bound.WORK: work,
        Bound.REQUESTS: _by_requests(requests, pacing),
        Bound.OPERATING: max(operating),
    }
    bound = max(waits, key=lambda name: waits[name])
    return Forecast(seconds=waits[bound], requests=requests, bound=bound)


def _requests(total: int, learned: Learned, pacing: Pacing) -> int:
    batch = max(1, min(pacing.batch_limit, int(pacing.batch_seconds / learned.seconds_each)))
    look_up = max(pacing.batch_limit, min(_LOOK_UP_LIMIT, int(_LOOK_UP_SECONDS * learned.per_second)))
    return ceil(total / batch) + ceil(total / look_up) + _OVERHEAD


def _by_requests(requests: int, pacing: Pacing) -> float:
    if pacing.rate is None:
        return 0.0
    return max(0.0, requests - max(0.0, pacing.rate.burst - pacing.level)) / pacing.rate.per_second


def _by_operating(count: int, each: float, learned: Learned, pacing: Pacing) -> float:
    """Whole windows of waiting, and the work of the last part."""
    if not each or not count:
        return 0.0
    fits = pacing.operating_share * min(pacing.operating_limit, learned.operating_limit) / each
    windows = max(0, ceil(count / max(fits, 1.0)) - 1)
    return windows * learned.operating_window + (count - windows * fits) / learned.per_second
