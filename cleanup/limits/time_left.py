"""How long the rest of a run takes, waits included: from what the limits let through, not from the last rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

#: PORTAL.md 4.2: ten buckets of 60 s. Only an estimate may assume it, and only until the portal has shown a window.
USUAL_WINDOW = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLeft:
    """What is still to be ended, and how fast it goes while nothing waits."""

    entries: int
    #: Seconds per entry, as measured.
    seconds_each: float
    in_flight: int
    #: Entries that one request takes.
    batch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketOutflow:
    """The request bucket: what may go at once, and what flows out."""

    left: float
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodBudget:
    """One method's operating budget in seconds of server time."""

    units: float
    #: Seconds of server time that one unit takes.
    cost: float
    #: May still be used now, and in a whole window.
    room: float
    window_room: float
    #: Until the first part of the window is given back, and the window's length.
    reset_in: float
    window: float


def time_left(work: WorkLeft, bucket: BucketOutflow | None, budgets: Sequence[MethodBudget]) -> float:
    """Seconds: the work itself, or the limit that holds it up the longest. Limits are waited for side by side."""
    working = work.entries * work.seconds_each / max(1, work.in_flight)
    held_up = [_by_bucket(work, bucket)] if bucket else []
    held_up += [_by_budget(budget, work) for budget in budgets]
    return max([working, *held_up])


def _by_bucket(work: WorkLeft, bucket: BucketOutflow) -> float:
    requests = ceil(work.entries / max(1, work.batch))
    return max(0.0, requests - bucket.left) / bucket.per_second


def _by_budget(budget: MethodBudget, work: WorkLeft) -> float:
    """Full windows to be waited for, and the work of the last one."""
    beyond = budget.units * budget.cost - max(0.0, budget.room)
    if beyond <= 0 or budget.window_room <= 0:
        return 0.0
    windows = ceil(beyond / budget.window_room)
    last = (beyond - (windows - 1) * budget.window_room) / max(budget.cost, 1e-9)
    waits = budget.reset_in + (windows - 1) * budget.window
    return waits + last * work.seconds_each / max(1, work.in_flight)
