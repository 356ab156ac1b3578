"""Puts a portal's parts together: transport, pacer, reader, and the ender where one is wanted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cleanup.config.settings import Pace, Requests
from cleanup.limits import (
    MOST_IN_FLIGHT,
    ORDINARY_RATE,
    BatchSize,
    Concurrency,
    Learned,
    OperatingBudget,
    Pacing,
    RequestRate,
    rate_of,
)
from cleanup.portal.authorization import Authorization
from cleanup.portal.client import Probe, Reader
from cleanup.portal.line import Line
from cleanup.portal.pacing import BucketMemory, Pacer, RequestBucket
from cleanup.portal.transport import open_transport
from cleanup.portal.wire import BATCH_LIMIT
from cleanup.stop import Stop


@dataclass(frozen=True, slots=True)
class Connection:
    """A portal that was probed and may be read from."""

    line: Line
    reader: Reader
    probe: Probe
    #: Our own clock.
    clock: Callable[[], datetime]

    def present(self) -> datetime:
        """The portal's time now, as far as it told it."""
        return self.clock() + timedelta(seconds=self.probe.ahead or 0.0)


@asynccontextmanager
async def connect(
    authorization: Authorization,
    pace: Pace,
    *,
    memory: Path | None,
    learned: Learned | None = None,
    clock: Callable[[], datetime],
    stop: Stop | None = None,
) -> AsyncIterator[Connection]:
    """Asks the portal who it is, and takes its request rate from its licence. Raises PortalError.

    A stop that is asked for meanwhile breaks that off, and is raised.
    """
    stop = stop or Stop()
    async with open_transport(authorization) as transport:
        remembered = BucketMemory(memory) if memory else None
        line = Line(transport, pacer_of(pace, remembered, learned))
        reader = Reader(line, clock)
        with stop.interrupts() as scope:
            probe = await reader.probe()
        if scope.cancelled_caught:
            raise stop.raised()
        line.pacer.round_trip = probe.round_trip
        if pace.requests == "auto" and (rate := rate_of(probe.licence)) != ORDINARY_RATE:
            line.pacer.bucket = RequestBucket(rate, remembered) if rate else None
        yield Connection(line, reader, probe, clock)


def pacer_of(pace: Pace, memory: BucketMemory | None, learned: Learned | None) -> Pacer:
    rate = _rate(pace)
    most = MOST_IN_FLIGHT if pace.concurrency == "auto" else int(pace.concurrency)
    return Pacer(
        bucket=RequestBucket(rate, memory) if rate else None,
        budget=OperatingBudget(limit=_operating_limit(pace, learned), share=pace.operating_share),
        size=BatchSize(
            target=pace.batch_seconds, largest=BATCH_LIMIT, expected=learned.seconds_each if learned else None
        ),
        concurrency=Concurrency(largest=most, slowdown=pace.max_slowdown, known=_known_window(pace, learned)),
    )


def _known_window(pace: Pace, learned: Learned | None) -> int:
    """What the last run had in flight on average, and less by as much as it may have slowed the portal down."""
    return 1 if learned is None else max(1, int(learned.per_second * learned.seconds_each / pace.max_slowdown))


def _operating_limit(pace: Pace, learned: Learned | None) -> float:
    """A limit that a refusal taught is tried a little higher by each run, until it is the configured one again."""
    return pace.operating_limit if learned is None else min(pace.operating_limit, 1.1 * learned.operating_limit)


def pacing(pacer: Pacer, pace: Pace) -> Pacing:
    """What a forecast needs to know of this portal now."""
    bucket = pacer.bucket
    return Pacing(
        rate=bucket.rate if bucket else None,
        level=bucket.level if bucket else 0.0,
        operating_limit=pace.operating_limit,
        operating_share=pace.operating_share,
        batch_seconds=pace.batch_seconds,
        batch_limit=BATCH_LIMIT,
    )


def _rate(pace: Pace) -> RequestRate | None:
    if pace.requests == "auto":
        return ORDINARY_RATE  # until the licence is known
    if isinstance(pace.requests, Requests):
        return RequestRate(pace.requests.burst, pace.requests.per_second)
    return None
