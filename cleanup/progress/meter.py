"""Takes snapshots of an apply: counts from the journal, limits from the pacer, the time left from limits.time_left."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from math import isfinite

from cleanup.journal import Journal
from cleanup.limits import USUAL_WINDOW, BucketOutflow, Gauge, MethodBudget, WorkLeft, time_left
from cleanup.model import Action
from cleanup.portal.line import Line
from cleanup.portal.methods import BATCH, METHOD_OF
from cleanup.portal.pacing import Pacer
from cleanup.progress.snapshot import Level, Operating, Snapshot
from cleanup.words import duration

#: Seconds that a rate is taken over.
_OVER = 60.0


class Rate:
    """How fast a number grew during the last minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, number: int) -> float | None:
        """Per second; None while nothing can be said."""
        now = self._clock()
        self._seen.append((now, number))
        while len(self._seen) > 2 and now - self._seen[0][0] > _OVER:
            self._seen.popleft()
        began, first = self._seen[0]
        return (number - first) / (now - began) if now - began >= 1 and number > first else None


class Meter:
    """Snapshots of one apply."""

    def __init__(self, journal: Journal, line: Line, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal, self._line, self._clock = journal, line, clock
        self._rate = Rate(clock)
        self._total = sum(journal.state_counts().values())

    def snapshot(self) -> Snapshot:
        pacer, still_open = self._line.pacer, self._journal.open_counts()
        done = self._total - sum(still_open.values())
        return Snapshot(
            done=done,
            total=self._total,
            failed=self._journal.failed(),
            rate=self._rate.of(done),
            left=left(still_open, pacer, now=self._clock()),
            waiting=waiting(pacer, now=self._clock()),
            bucket=Level(min(pacer.bucket.level, pacer.bucket.room), pacer.bucket.room) if pacer.bucket else None,
            operating=fullest(pacer.budget.gauges, now=self._clock()),
            batch=pacer.size.now,
            in_flight=self._line.in_flight,
            window=pacer.concurrency.now,
            slowdown=pacer.concurrency.slowdown,
        )


def left(still_open: Mapping[Action, int], pacer: Pacer, *, now: float) -> float | None:
    """Seconds until all is done; None before the first answer showed what an end takes."""
    each = pacer.size.seconds_each
    if each is None:
        return None
    work = WorkLeft(
        entries=sum(still_open.values()), seconds_each=each, in_flight=pacer.concurrency.now, batch=pacer.size.now
    )
    bucket = BucketOutflow(left=pacer.bucket.left, per_second=pacer.bucket.per_second) if pacer.bucket else None
    units = {METHOD_OF[action]: float(count) for action, count in still_open.items()}
    units[BATCH] = work.entries * each
    gauges = pacer.budget.gauges
    budgets = [_budget(gauges[method], method, units[method], now=now) for method in units if method in gauges]
    return time_left(work, bucket, [budget for budget in budgets if budget is not None])


def _budget(gauge: Gauge, method: str, units: float, *, now: float) -> MethodBudget | None:
    """None: the portal does not count this method, as far as it is known."""
    cost, room = gauge.cost.now, gauge.room(method)
    if not cost or not isfinite(room):
        return None
    until = max(gauge.paused_until, gauge.reset_at or 0.0) - now
    return MethodBudget(
        units=units,
        cost=cost,
        room=room,
        window_room=gauge.share * gauge.limit,
        reset_in=max(0.0, until),
        window=gauge.longest_reset or USUAL_WINDOW,
    )


def fullest(gauges: Mapping[str, Gauge], *, now: float) -> Operating | None:
    """The counter that is next to its limit; None where the portal tells none, or none has begun to count."""
    read = {method: gauge for method, gauge in gauges.items() if gauge.reading}
    if not read:
        return None
    method = max(read, key=lambda name: (read[name].reading or 0.0) / read[name].limit)
    gauge = read[method]
    resets_in = None if gauge.reset_at is None else max(0.0, gauge.reset_at - now)
    return Operating(
        method=method.rsplit(".", 1)[-1], level=Level(gauge.reading or 0.0, gauge.limit), resets_in=resets_in
    )


def waiting(pacer: Pacer, *, now: float) -> str:
    if pacer.waiting_operating.running:
        return f"waiting {duration(max(0.0, pacer.operating_until - now))}: operating budget"
    if pacer.waiting_rate.running:
        return "waiting: request rate"
    return ""
