"""What a portal told when `check` asked: values for judging. None, or "": it did not say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cleanup.portal.wire import CallError


class Generation(StrEnum):
    """The portal's core, by what it does (PORTAL.md, top)."""

    #: Boxes until about 2023.
    G1 = "G1"
    #: 2025 to May 2026.
    G2 = "G2"
    #: What came after: the cloud of today.
    G3 = "G3"


class Limiter(StrEnum):
    """Whether the portal counts the time of methods."""

    COUNTS = "counts"
    #: It has a counter, and does not tell it.
    HIDDEN = "hidden"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Availability:
    """None: the portal did not say."""

    exists: bool | None
    #: Also for this webhook, with its scopes.
    available: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the answer shows of the load limiter."""

    limiter: Limiter
    #: Seconds used, of `batch` as a method of its own and of the methods inside; only what is more than 0.
    batch: float = 0.0
    inside: Mapping[str, float]
    #: Methods that are refused just now.
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Zones, and what they do to a filter by date. None: not known."""

    server: timedelta | None
    #: How far the zone of the webhook's owner is ahead of the server's.
    owner_ahead: timedelta | None
    #: Whether the portal missed an instance that was asked for by its own MODIFIED.
    shifted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the portal told. None, or "": it did not."""

    user: str
    name: str
    administrator: bool | None
    scopes: frozenset[str] | None
    licence: str | None
    methods: Mapping[str, Availability]
    counters: Counters
    #: How often the portal said "too many requests" before it answered, and what else went wrong.
    refused: int
    failed: int
    #: Seconds that the portal's clock is ahead of ours, half the way there and back taken off.
    ahead: float | None
    dates: Dates
    generation: Generation | None
    population: int | None
    #: What kept the instances from being counted.
    refusal: CallError | None
    #: How many questions the batch held, and seconds from there to its answer.
    questions: int
    round_trip: float
    #: The host that the portal was redirected to.
    moved_to: str | None
