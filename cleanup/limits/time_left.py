"""How long the rest of a run takes, waits included: from what the limits let through, not from the last rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

#: PORTAL.md 4.2: ten buckets of 60 s. Only an estimate may assume it, and only until the portal has shown a window.
USUAL_WINDOW = 600.0


class Bound(StrEnum):
    """What a run waits for most of the time."""

    WORK = "the portal's own work"
    REQUESTS = "the request bucket"
    OPERATING = "the operating budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLeft:
    """What is still to be ended, and how fast it goes while nothing waits."""

    entries: int
    #: Seconds per entry, as measured.
    seconds_each: float
    in_flight: int
    #: Entries that one request ends, and that one request looks up before (0: not counted).
    batch: int
    look_up: int = 0

    @property
    def requests(self) -> int:
        looks = ceil(self.entries / self.look_up) if self.look_up else 0
        return ceil(self.entries / max(1, self.batch)) + looks


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
    """Seconds: the work itself, or the limit that holds it up the longest."""
    return max(held_up(work, bucket, budgets).values())


def held_up(work: WorkLeft, bucket: BucketOutflow | None, budgets: Sequence[MethodBudget]) -> dict[Bound, float]:
    """Seconds by what they are waited for. Limits are waited for side by side, so the longest counts."""
    return {
        Bound.WORK: work.entries * work.seconds_each / max(1, work.in_flight),
        Bound.REQUESTS: max(0.0, work.requests - bucket.left) / bucket.per_second if bucket else 0.0,
        Bound.OPERATING: max((_by_budget(budget, work) for budget in budgets), default=0.0),
    }


def _by_budget(budget: MethodBudget, work: WorkLeft) -> float:
    """Full windows to be waited for, and the work of the last one."""
    beyond = budget.units * budget.cost - max(0.0, budget.room)
    if beyond <= 0 or budget.window_room <= 0:
        return 0.0
    windows = ceil(beyond / budget.window_room)
    last = (beyond - (windows - 1) * budget.window_room) / max(budget.cost, 1e-9)
    waits = budget.reset_in + (windows - 1) * budget.window
    return waits + last * work.seconds_each / max(1, work.in_flight)
