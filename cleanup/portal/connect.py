"""Puts a portal's parts together: transport, pacer, reader, and the ender where one is wanted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cleanup.config.settings import Pace, Requests
from cleanup.limits import ORDINARY_RATE, BatchSize, Concurrency, OperatingBudget, RequestRate, rate_of
from cleanup.portal.auth import Webhook
from cleanup.portal.client import Line, Probe, Reader
from cleanup.portal.pacing import BucketMemory, Pacer, RequestBucket
from cleanup.portal.transport import open_transport
from cleanup.portal.wire import BATCH_LIMIT


@dataclass(frozen=True, slots=True)
class Connection:
    """A portal that was probed and may be read from."""

    line: Line
    reader: Reader
    probe: Probe


@asynccontextmanager
async def connect(
    webhook: Webhook, pace: Pace, *, memory: Path | None, clock: Callable[[], datetime]
) -> AsyncIterator[Connection]:
    """Asks the portal who it is, and takes its request rate from its licence. Raises PortalError."""
    async with open_transport(webhook) as transport:
        remembered = BucketMemory(memory) if memory else None
        line = Line(transport, _pacer(pace, remembered))
        reader = Reader(line, clock)
        probe = await reader.probe()
        line.pacer.round_trip = probe.round_trip
        if pace.requests == "auto" and (rate := rate_of(probe.licence)) != ORDINARY_RATE:
            line.pacer.bucket = RequestBucket(rate, remembered) if rate else None
        yield Connection(line, reader, probe)


def _pacer(pace: Pace, memory: BucketMemory | None) -> Pacer:
    rate = _rate(pace)
    largest = 16 if pace.concurrency == "auto" else int(pace.concurrency)
    return Pacer(
        bucket=RequestBucket(rate, memory) if rate else None,
        budget=OperatingBudget(limit=pace.operating_limit, share=pace.operating_share),
        size=BatchSize(target=pace.batch_seconds, largest=BATCH_LIMIT),
        concurrency=Concurrency(largest=largest),
    )


def _rate(pace: Pace) -> RequestRate | None:
    if pace.requests == "auto":
        return ORDINARY_RATE  # until the licence is known
    if isinstance(pace.requests, Requests):
        return RequestRate(pace.requests.burst, pace.requests.per_second)
    return None
