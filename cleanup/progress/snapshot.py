"""A run at one moment, as values. No clock and no terminal here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """How much of something is used."""

    now: float
    of: float

    @property
    def share(self) -> float:
        return min(1.0, max(0.0, self.now / self.of)) if self.of else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """The fullest of the portal's operating counters, in seconds of server time."""

    #: The last word of the method's name, such as kill.
    method: str
    level: Level
    #: Seconds until the portal gives a part back. None: not told.
    resets_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An apply at one moment. Rates are entries per second; times are seconds; None: not known (yet)."""

    done: int
    total: int
    failed: int = 0
    rate: float | None = None
    #: Until the end, with the waits to come.
    left: float | None = None
    waiting: str = ""
    bucket: Level | None = None
    operating: Operating | None = None
    #: Entries that one request takes.
    batch: int | None = None
    in_flight: int | None = None
    #: How many requests may be in flight, and seconds per kill in multiples of those without load of ours.
    window: int | None = None
    slowdown: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A listing at one moment."""

    listed: int
    #: Instances on the portal; the listing may stop before, where no rule could select any more.
    population: int | None
    selected: int
    rate: float | None = None
    requests: int = 0
    waiting: str = ""
