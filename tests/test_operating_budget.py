"""The operating budget against a model of the portal's load limiter (PORTAL.md 4.2), on a clock that only we move."""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.limits import SMALL_BATCH, Charge, OperatingBudget, Reading

KILL, BATCH = "bizproc.workflow.kill", "batch"
#: Calls and requests below this are not noticed by the limiter.
NOTICED = 0.1
BAN = 300.0
#: Seconds that a request or an answer is on its way.
WAY = 0.002


@dataclass
class Portal:
    """Works on some requests at once, the others queue; what a request cost is stored when it ends."""

    limit: float
    window: float
    workers: int
    #: When each of its workers is free again.
    free_at: list[float] = field(default_factory=list)
    #: By number of the part of the window: seconds, and when they leave it as the portal tells it.
    stored: dict[int, tuple[float, float]] = field(default_factory=dict)
    banned_until: float = -1.0
    refusals: int = 0
    highest: float = 0.0

    def take_up(self, now: float, seconds: float) -> float:
        """When a worker begins with a request that arrives now and takes so long."""
        began = now if len(self.free_at) < self.workers else max(now, heapq.heappop(self.free_at))
        heapq.heappush(self.free_at, began + seconds)
        return began

    def operating(self, now: float) -> float:
        oldest = self._part(now) - 10
        self.stored = {part: kept for part, kept in self.stored.items() if part > oldest}
        return sum(seconds for seconds, _ in self.stored.values())

    def reset_at(self, now: float) -> float:
        return min((reset for _, reset in self.stored.values()), default=now + self.window)

    def refuses(self, now: float) -> bool:
        if now >= self.banned_until and self.operating(now) > self.limit:
            self.banned_until = now + BAN
            self.stored = {}
        self.refusals += now < self.banned_until
        return now < self.banned_until

    def store(self, seconds: float, began: float, now: float, *, billed: float = 1.0) -> None:
        if seconds > NOTICED:
            before, reset = self.stored.get(self._part(now), (0.0, began + self.window))
            self.stored[self._part(now)] = before + seconds * billed, reset
            self.highest = max(self.highest, self.operating(now))

    def _part(self, now: float) -> int:
        return int(now // (self.window / 10))


@dataclass
class Race:
    """Some senders end all instances, as fast as the budget lets them. Every event is a time and what happens then."""

    portal: Portal
    budget: OperatingBudget
    #: Seconds that each instance costs to end.
    left: list[float]
    senders: int
    batch: int = 50
    #: BATCH is billed at half, and shows no growth inside an answer.
    method: str = KILL
    now: float = 0.0
    _flying: int = 0
    #: Until the first answer four senders send small batches, as the engine does.
    _answered: bool = False
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def run(self) -> float:
        """Seconds until all were ended."""
        while self.left or self._flying:
            self._send_what_may_go()
            wait = self._wait() if self._idle_senders() and self.left else 1e9
            if self._events and self._events[0][0] <= self.now + wait:
                self.now, _, happens = heapq.heappop(self._events)
                happens()
            else:
                self.now += max(wait, 0.01)
        return self.now

    def _wait(self) -> float:
        return self.budget.wait({self.method: self._wanted()}, self.now, least=0.999 / self._wanted())

    def _idle_senders(self) -> int:
        return (self.senders if self._answered else min(4, self.senders)) - self._flying

    def _wanted(self) -> int:
        return min(self.batch if self._answered else SMALL_BATCH, len(self.left))

    def _send_what_may_go(self) -> None:
        while self.left and self._idle_senders() > 0:
            kills = int(self._wanted() * self.budget.fit({self.method: self._wanted()}, self.now) + 1e-9)
            if not kills:
                return
            batch, self.left = self.left[:kills], self.left[kills:]
            charge = self.budget.charge({self.method: kills}, self.now)
            self._flying += 1
            began = self.portal.take_up(self.now + WAY, sum(batch))
            self._at(began, lambda batch=batch, charge=charge: self._begin(batch, charge))

    def _at(self, when: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happens))

    def _begin(self, batch: list[float], charge: Charge) -> None:
        if self.portal.refuses(self.now):
            self._at(self.now + WAY, lambda: self._refused(batch, charge))
            return
        began = self.now
        first, reset_at = self.portal.operating(began), self.portal.reset_at(began)
        self._at(began + sum(batch), lambda: self._end(batch, charge, began, first, reset_at))

    def _refused(self, batch: list[float], charge: Charge) -> None:
        self._flying -= 1
        self.left = batch + self.left
        self.budget.refused([self.method], self.now)
        self.budget.cancelled(charge)

    def _end(self, batch: list[float], charge: Charge, began: float, first: float, reset_at: float) -> None:
        if self.method == BATCH:
            reading = Reading(first, reset_in=max(0.0, reset_at - self.now))
            self.portal.store(sum(batch), began, self.now, billed=0.5)
            self._at(self.now + WAY, lambda: self._done(charge, reading))
            return
        noticed = [seconds for seconds in batch if seconds > NOTICED]
        growth = 0.0
        if len(noticed[1:]) > len(batch) / 2:  # what others stored meanwhile shows as growth, too
            growth = max(0.0, self.portal.operating(self.now) - first) + sum(noticed[1:])
        reading = Reading(
            first + sum(noticed[:1]),
            growth=growth,
            grown_over=len(noticed[1:]),
            reset_in=max(0.0, reset_at - self.now),
        )
        self.portal.store(sum(batch), began, self.now)
        self._at(self.now + WAY, lambda: self._done(charge, reading))

    def _done(self, charge: Charge, reading: Reading) -> None:
        self._flying -= 1
        self._answered = True
        self.budget.answered(charge, {self.method: reading}, self.now)


def bound(costs: list[float], portal: Portal, billed: float) -> float:
    """The least seconds that the limit and the portal's workers allow."""
    windows = max(0, ceil(sum(costs) * billed / portal.limit) - 1)
    rest = (sum(costs) - windows * portal.limit / billed) / portal.workers
    return max(windows * portal.window + rest, sum(costs) / portal.workers)


def budget(limit: float) -> OperatingBudget:
    return OperatingBudget(limit=limit, share=0.9)


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from([KILL, BATCH]),
    part=st.floats(0.00001, 0.002),
    spread=st.floats(0.0, 1.0),
    limit=st.sampled_from([24.0, 120.0, 420.0, 480.0]),
    window=st.sampled_from([30.0, 600.0]),
    workers=st.integers(1, 16),
    senders=st.integers(1, 16),
    seed=st.integers(0, 2**16),
)
def test_the_portal_never_has_to_refuse(
    *, method: str, part: float, spread: float, limit: float, window: float, workers: int, senders: int, seed: int
) -> None:
    """`part` of the limit is what one kill costs, give or take `spread`."""
    chance, each = random.Random(seed), part * limit
    costs = [each * chance.uniform(1 - spread, 1 + spread) for _ in range(2000)]
    portal = Portal(limit, window, workers)
    Race(portal, budget(limit), costs, senders, min(50, int(10 / each) or 1), method).run()
    assert portal.refusals == 0
    assert portal.highest <= limit


@pytest.mark.parametrize(("method", "billed", "most"), [(KILL, 1.0, 1.25), (BATCH, 0.5, 1.45)])
@pytest.mark.parametrize("workers", [2, 8])
@pytest.mark.parametrize("senders", [4, 8, 16])
@pytest.mark.parametrize("each", [0.04, 0.09, 0.15])
def test_what_the_portal_allows_is_used(
    *, method: str, billed: float, most: float, workers: int, senders: int, each: float
) -> None:
    """What `batch` costs is learned only from how its counter grows, by far fewer samples."""
    costs = [each] * 2000
    portal = Portal(24.0, 30.0, workers)
    wall = Race(portal, budget(24.0), list(costs), senders, method=method).run()
    assert portal.refusals == 0
    assert wall <= most * bound(costs, portal, billed)


def test_a_limit_that_a_refusal_taught_comes_back_in_quiet_windows() -> None:
    """Additive increase: a portal that was busy once is not taken for a slow one for the rest of the run."""
    learning, now = budget(480), 0.0

    def batch(reset_in: float) -> None:
        charge = learning.charge({KILL: 10}, now)
        learning.answered(charge, {KILL: Reading(operating=20.0, reset_in=reset_in)}, now + 1)

    batch(600)
    for _ in range(4):
        learning.refused([KILL], now)
    lowest = learning.gauges[KILL].limit
    assert lowest < 100
    for _ in range(40):
        now += 601
        batch(600)
    assert learning.gauges[KILL].limit == 480
