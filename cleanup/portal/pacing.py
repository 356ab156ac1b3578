"""The one place that waits for the portal: its request bucket and its operating budget (limits.py decides)."""

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from aiolimiter import AsyncLimiter

from cleanup.limits import (
    ORDINARY_RATE,
    BatchSize,
    Charge,
    Concurrency,
    OperatingBudget,
    Reading,
    RequestPace,
    RequestRate,
)

#: Requests take unequal time on their way, so two can arrive closer together than they left. One place of the
#: bucket is left free for that.
_MARGIN = 1
#: So many 503 as a web page in a row count as a full bucket.
_MOST_UNAVAILABLE = 3
#: Seconds that a call which only reads takes, about.
_READ_SECONDS = 0.05


@dataclass(slots=True)
class Stopwatch:
    """Seconds during which at least one task waited."""

    clock: Callable[[], float]
    _total: float = 0.0
    _waiting: int = 0
    _since: float = 0.0
    #: From where `taken` has not told the running wait yet.
    _untold: float = 0.0
    _finished: list[tuple[float, float]] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self._waiting > 0

    @property
    def seconds(self) -> float:
        return self._total + (self.clock() - self._since if self._waiting else 0.0)

    @contextmanager
    def measure(self) -> Iterator[None]:
        if not self._waiting:
            self._since = self._untold = self.clock()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._total += self.clock() - self._since
                self._finished.append((self._untold, self.clock()))

    def taken(self) -> list[tuple[float, float]]:
        """The waits since the last call as (began, ended) on the clock; a running one as far as it has come."""
        now, finished = self.clock(), self._finished
        self._finished = []
        if self._waiting:
            finished.append((self._untold, now))
            self._untold = now
        return finished


class BucketMemory:
    """Remembers in a small file how full the portal's bucket was, for the next process on this machine.

    The bucket belongs to portal and address (PORTAL.md 4.1): `plan` and the `apply` right behind it share one.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock

    def level(self, per_second: float) -> float:
        """Requests that are still in the bucket; 0 where nothing is remembered or the file makes no sense."""
        try:
            remembered = json.loads(self._path.read_text(encoding="ascii"))
            level, at = float(remembered["level"]), float(remembered["at"])
        except (OSError, ValueError, TypeError, KeyError):
            return 0.0
        return max(0.0, level - max(0.0, self._clock() - at) * per_second)

    def save(self, level: float) -> None:
        text = json.dumps({"level": round(level, 3), "at": round(self._clock(), 3)})
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_text(text, encoding="ascii")
            temporary.replace(self._path)
        except OSError:
            return  # a hint for the next process; a full disk shows itself in the journal, with a message


class RequestBucket:
    """Hands out requests at the portal's own rate."""

    def __init__(self, rate: RequestRate, memory: BucketMemory | None) -> None:
        self.rate = rate
        self._pace = RequestPace(rate)
        self._memory = memory
        self._level = min(memory.level(rate.per_second), self.room) if memory else 0.0
        self._level_at = time.monotonic()
        self._refused_at = -1.0
        self._limiter: AsyncLimiter | None = None

    def __repr__(self) -> str:
        return f"<RequestBucket {self.level:.1f} of {self.room:g}, {self._pace!r}>"

    @property
    def room(self) -> float:
        """Requests that may go at once when the bucket is empty."""
        return max(1.0, self._pace.burst - _MARGIN)

    @property
    def per_second(self) -> float:
        return self._pace.per_second

    @property
    def level(self) -> float:
        return max(0.0, self._level - (time.monotonic() - self._level_at) * self._pace.per_second)

    @property
    def left(self) -> float:
        """Requests that may go without a wait."""
        return self.room - self.level

    async def take(self) -> None:
        """One request may go. Waiters of a limiter that was replaced meanwhile line up again."""
        while True:
            limiter = await self._current()
            await limiter.acquire()
            if limiter is self._limiter:
                break
        self._pace.sent()
        self._set_level(self.level + 1)
        if self._memory:
            self._memory.save(self._level)

    def unused(self) -> None:
        """A request that `take` let go did not go. Waiters line up again, one place nearer."""
        self._pace.sent(-1)
        self._set_level(max(0.0, self.level - 1))
        self._limiter = None

    def refused(self) -> None:
        """The portal said 503: somebody else fills the same bucket. Take it as full, and go slower.

        Requests that were in flight together are refused together: that is one refusal.
        """
        if time.monotonic() - self._refused_at > 1.0:
            self._refused_at = time.monotonic()
            self._pace.refused(self._refused_at)
        self._set_level(self.room)
        self._limiter = None

    def accepted(self) -> None:
        if self._pace.accepted():
            self._limiter = None

    @property
    def recovered(self) -> bool:
        """Whether nothing was refused for so long that the pace is the full one again."""
        return self._pace.is_full

    def _set_level(self, level: float) -> None:
        self._level, self._level_at = level, time.monotonic()

    async def _current(self) -> AsyncLimiter:
        if self._limiter is None:
            self._limiter = AsyncLimiter(self.room, self.room / self._pace.per_second)
            await self._limiter.acquire(min(self.level, self.room))  # it is empty: this fills it and never waits
        return self._limiter


@dataclass(slots=True)
class Permit:
    """Leave to send one request: a place in the bucket, and a part of the operating budget."""

    charge: Charge
    #: How much of what was wanted may go, 0 to 1.
    share: float

    def use(self, units: Mapping[str, float]) -> None:
        """Says what really goes, at most what was granted, and that it goes now."""
        self.charge.units.update({method: units.get(method, 0.0) for method in self.charge.units})
        self.charge.started = time.monotonic()


@dataclass(frozen=True, slots=True)
class Load:
    """What the portal had of ours when a request was sent."""

    #: How many requests might be in flight, and how many were, this one among them.
    window: int
    busy: int


class Pacer:
    """Bucket, budget, batch size and concurrency of one portal in one process."""

    def __init__(
        self,
        *,
        bucket: RequestBucket | None,
        budget: OperatingBudget,
        size: BatchSize,
        concurrency: Concurrency,
    ) -> None:
        self.bucket, self.budget, self.size, self.concurrency = bucket, budget, size, concurrency
        self.waiting_rate = Stopwatch(time.monotonic)
        self.waiting_operating = Stopwatch(time.monotonic)
        #: While at least one request that ends instances is in flight; and how many ended in that time.
        self.working = Stopwatch(time.monotonic)
        self.endings = 0
        #: The same when the first request behind the start went: what came before was slower.
        self._begun: tuple[int, float] | None = None
        #: Seconds that a request needs which asks for next to nothing.
        self.round_trip = 0.0
        #: The bucket stands only because the portal refused requests lately.
        self._provisional = False
        self._unavailable_in_a_row = 0
        #: When the longest operating wait is over, on the monotonic clock; for progress.
        self.operating_until = 0.0
        self._slots: anyio.CapacityLimiter | None = None
        #: Requests in flight that only ask.
        self._aside = 0
        self._changed = anyio.Event()

    def __repr__(self) -> str:
        return f"<Pacer {self.bucket!r} {self.budget!r} {self.size!r} {self.concurrency!r}>"

    def told(self) -> dict[str, float]:
        """The levels now, for a log line."""
        levels = {
            f"operating_{method.rsplit('.', 1)[-1]}": round(gauge.reading, 3)
            for method, gauge in self.budget.gauges.items()
            if gauge.reading
        }
        bucket = {"bucket": round(self.bucket.level, 1)} if self.bucket else {}
        return {"batch": self.size.now, "concurrency": self.concurrency.now, **bucket, **levels}

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One of the places for requests in flight."""
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(self.concurrency.now)
        async with self._slots:
            yield

    @contextmanager
    def aside(self) -> Iterator[None]:
        """For a request that only asks: it is short, and keeps no other one from its place, where there may be more."""
        self._aside += 1
        self._resize()
        try:
            yield
        finally:
            self._aside -= 1
            self._resize()

    async def permit(self, units: Mapping[str, float], *, least: float = 1.0, guessed: Collection[str] = ()) -> Permit:
        """Waits for the budget, then for the bucket. `least` is the smallest share of `units` that makes sense."""
        share = await self._budget_for(units, least)
        granted = {method: wanted * share for method, wanted in units.items()}
        charge = self.budget.charge(granted, time.monotonic(), guessed=guessed)
        try:
            await self.token()
        except BaseException:
            self.budget.cancelled(charge)
            raise
        return Permit(charge, share)

    async def opening(self, units: Mapping[str, float], *, least: float) -> None:
        """Waits until the budget lets `least` of `units` through, and takes nothing."""
        await self._budget_for(units, least)

    def in_kills(self, reads: int) -> float:
        """What so many calls that only read cost of `batch`, about, in terms of kills."""
        return _READ_SECONDS * reads / (self.size.seconds_each or 1.0)

    async def token(self) -> None:
        bucket = self.bucket
        if bucket is not None:
            with self.waiting_rate.measure():
                await bucket.take()

    async def _budget_for(self, units: Mapping[str, float], least: float) -> float:
        while (share := self.budget.fit(units, time.monotonic())) < least:
            self.concurrency.held_back()
            wait = max(0.01, self.budget.wait(units, time.monotonic(), least=least))
            self.operating_until = time.monotonic() + wait
            changed = self._changed
            with self.waiting_operating.measure(), anyio.move_on_after(wait):
                await changed.wait()
        return share

    def answered(self, permit: Permit, readings: Mapping[str, Reading]) -> None:
        self.budget.answered(permit.charge, readings, time.monotonic())
        self._unavailable_in_a_row = 0
        if self.bucket:
            self.bucket.accepted()
            if self._provisional and self.bucket.recovered:
                self.bucket, self._provisional = None, False
        self._wake()

    def lost(self, permit: Permit) -> None:
        self.budget.lost(permit.charge, time.monotonic())
        self._wake()

    def not_sent(self, permit: Permit) -> None:
        self.budget.cancelled(permit.charge)
        if self.bucket:
            self.bucket.unused()
        self._wake()

    def not_executed(self, permit: Permit) -> None:
        self.budget.cancelled(permit.charge)
        self._wake()

    def rate_refused(self) -> None:
        """Too many requests, also on a portal that should have no limit: then it gets one, until it has calmed down."""
        if self.bucket is None:
            self.bucket = RequestBucket(ORDINARY_RATE, None)
            self._provisional = True
        self.bucket.refused()

    def unavailable(self) -> None:
        """A 503 as a web page says nothing about the bucket, and one alone is repeated at once: a full one would cost
        all of its burst. Again and again, it asks for patience.
        """
        self._unavailable_in_a_row += 1
        if self._unavailable_in_a_row >= _MOST_UNAVAILABLE:
            self.rate_refused()

    def operation_refused(self, methods: Iterable[str]) -> None:
        self.budget.refused(methods, time.monotonic())

    def ended(self, count: int, seconds: float, *, succeeded: int, load: Load) -> None:
        """A batch of `count` kills was answered after `seconds`; so many of them ended."""
        self.endings += succeeded
        self.size.answered(count, seconds)
        self.round_trip = min(self.round_trip, seconds)
        at_portal = max(seconds - self.round_trip, 0.2 * seconds)
        self.concurrency.answered(count, at_portal, window=load.window, busy=load.busy)
        self._resize()

    def ending(self) -> None:
        """A request that ends instances is about to go."""
        self.concurrency.sent()
        if self._begun is None and not self.concurrency.starting:
            self._begun = (self.endings, self.working.seconds)

    def rate(self) -> tuple[int, float]:
        """How many ended, and in how many seconds of work: without the start, if much came behind it."""
        ended, seconds = self._begun or (0, 0.0)
        whole = self.endings < 2 * ended
        return (self.endings, self.working.seconds) if whole else (self.endings - ended, self.working.seconds - seconds)

    def broke(self, count: int) -> None:
        self.size.broke(count)
        self.concurrency.broke()
        self._resize()

    def _resize(self) -> None:
        if self._slots is not None:
            self._slots.total_tokens = min(self.concurrency.largest, self.concurrency.now + self._aside)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
