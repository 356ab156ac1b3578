"""The operating budget: from what the portal said about its counters to how much may be sent now (PORTAL.md 4.2).

Every `now` is seconds on one clock that never goes back, handed in. notes/pacing.md has the reasons.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, sqrt

from cleanup.limits.batches import SMALL_BATCH

#: How long a blocked method stays blocked when the portal did not tell (PORTAL.md 4.2).
UNKNOWN_RESET = 300.0
_FASTEST_RECHECK = 1.0
#: PORTAL.md 4.2: a request that took less is not billed.
_NOTICED = 0.1
_TINY = 1e-9
#: By our own clock, the way there and back and a busy machine included.
_SURELY_NOTICED = 0.25
#: Calls of a batch that is sent for its reading: fewer would tell what one costs too badly.
_PROBE = 5.0
#: A reading is old behind so many units that ended: where nothing is in flight, and where answers are still to come.
_MUCH, _MUCH_BUSY = 20.0, 80.0
#: Requests over which readings are compared, at most.
_COMPARED = 500
#: Less than this part of a limit is not worth a request.
_DRIBBLE = 0.05
#: By which part of a limit a quiet window raises what refusals lowered.
_STEP = 0.05
#: Two times of reset that differ by less are the same one: the portal tells whole seconds.
_SAME_RESET = 2.0


@dataclass(slots=True)
class Charge:
    """One request's calls, by method, as far as the counters may not show them yet."""

    units: dict[str, float]
    started: float
    ended: float = inf
    #: Methods whose units are a guess, in terms of other calls: nothing is learned from them.
    guessed: Collection[str] = ()

    @property
    def in_flight(self) -> bool:
        return self.ended == inf


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer said about a method's counter: at its first call, and how it grew until its last."""

    operating: float
    growth: float = 0.0
    #: Calls that showed growth.
    grown_over: int = 0
    #: Seconds until the oldest part leaves the window. None: not told.
    reset_in: float | None = None


@dataclass(slots=True)
class UnitCost:
    """Seconds of server time that one unit takes.

    Calls of a request run one after another, so our own clock bounds it from above; samples come from the counters.
    Each sample counts the more, the more units it was taken from.
    """

    _HALF_WEIGHT = 50.0
    #: By our own clock, on average.
    bound: float | None = None
    sample: float | None = None
    #: At most, by the growth over the present window: of a unit, and as a part of what our own clock says.
    ceiling: float = inf
    billed_part: float = 1.0
    units: float = 0.0

    @property
    def mean(self) -> float | None:
        """None: nothing was answered yet."""
        if self.bound is None or not self.units:
            return None
        # The ceiling is late where units become heavier, and the part where requests queue less than before.
        compared = max(self.ceiling, self.billed_part * self.bound)
        return min(self.bound, compared, self.bound if self.sample is None else self.sample)

    @property
    def now(self) -> float | None:
        """Rather too high than too low, the more so the fewer units were seen. None: nothing was answered yet."""
        mean = self.mean
        return None if mean is None else mean * (1 + 2 / sqrt(self.units))

    def clocked(self, seconds: float, units: float) -> None:
        self.bound = self._towards(self.bound, seconds, units)
        self.units += units

    def sampled(self, seconds: float, units: float) -> None:
        self.sample = self._towards(self.sample, seconds, units)

    def at_most(self, growth: float, *, units: float, seconds: float) -> None:
        """The counter grew by so much over so many units, that took so long by our clock."""
        surely = growth * (1 + 2 / sqrt(units))
        self.ceiling, self.billed_part = surely / units, surely / seconds

    def at_least(self, seconds: float) -> None:
        if self.sample is not None:
            self.sample = max(self.sample, seconds)

    def _towards(self, old: float | None, new: float, units: float) -> float:
        return new if old is None else old + (new - old) * units / (units + self._HALF_WEIGHT)


@dataclass(slots=True)
class Gauge:
    """One method's operating counter: the last reading, and what we sent that it may not show.

    The portal stores a request's cost when the request ends, and what a call shows leaves out calls under 0.1 s
    (PORTAL.md 4.2). So a reading is true for the moment its request *began*, and every charge that ended
    before that moment is inside it; all others are added here, at the learned cost of a unit.
    """

    limit: float
    share: float
    #: The limit as configured; refusals lower it, and quiet windows raise it again.
    configured: float = inf
    reading: float | None = None
    as_of: float = -inf
    #: When the oldest part of the reading leaves the window; after that the reading is stale.
    reset_at: float | None = None
    paused_until: float = -inf
    #: The longest time to a reset that the portal told: about the window's length. Only for estimates.
    longest_reset: float = 0.0
    cost: UnitCost = field(default_factory=UnitCost)
    charges: list[Charge] = field(default_factory=list)
    #: The last reading taken while nothing else was in flight, its reset, and the units billed since.
    _quiet: tuple[float, float | None] | None = None
    _billed: float = 0.0
    #: The first reading of this window, its reset, and what surely was billed and answered behind it.
    _first: tuple[float, float | None] | None = None
    _behind: list[Charge] = field(default_factory=list)

    def pending(self, method: str) -> float:
        return sum(charge.units[method] for charge in self.charges) * (self.cost.now or 0.0)

    def room(self, method: str) -> float:
        """Seconds of server time that may still be asked for."""
        if self.reading is None:
            return inf
        return self.share * self.limit - self.reading - self.pending(method)

    def fit(self, method: str, units: float, now: float) -> float:
        """How many of `units` may go now; 0: wait."""
        if now < self.paused_until:
            return 0
        if self.reading is None:
            return units
        each = max(self.cost.now or 0.0, _TINY)
        fits = min(units, self.room(method) / each)
        if fits >= min(units, SMALL_BATCH, _DRIBBLE * self.limit / each):
            return fits
        return self._probe(method, units, each) if self._outdated(method, now) else 0

    def _outdated(self, method: str, now: float) -> bool:
        """Whether a new reading may well show more room: a part has left the window, or much ended since the last."""
        if self.reset_at is not None and now >= self.reset_at:
            return not any(charge.in_flight and charge.started >= self.reset_at for charge in self.charges)
        asked = max((charge.started for charge in self.charges if charge.in_flight), default=-inf)
        untold = (charge.units[method] for charge in self.charges if asked < charge.ended < inf)
        return sum(untold) > (_MUCH_BUSY if self._in_flight else _MUCH)

    def _probe(self, method: str, units: float, each: float) -> float:
        """A short batch that is sent for its reading: it takes at most half of what is left to the limit itself."""
        left, least = self.room(method) + (1 - self.share) * self.limit, 0.0 if self._in_flight else 1.0
        return min(units, _PROBE, max(left / 2 / each, least))

    @property
    def _in_flight(self) -> bool:
        return any(charge.in_flight for charge in self.charges)

    def wait(self, now: float) -> float:
        """Seconds after which `fit` may say more, if no answer comes before."""
        if now < self.paused_until:
            return self.paused_until - now
        if self.reset_at is not None and now < self.reset_at:
            return self.reset_at - now
        return UNKNOWN_RESET if not self.charges else _FASTEST_RECHECK

    def read(self, method: str, reading: Reading, charge: Charge, now: float) -> None:
        """Takes in what the answer to `charge` said; it arrived `now`."""
        units, seconds = charge.units[method], now - charge.started
        if not units:
            return
        if method not in charge.guessed:
            self.cost.clocked(seconds / units, units)
        if reading.growth > 0:
            self.cost.sampled(min(reading.growth / reading.grown_over, seconds / units), units)
        if charge.started >= self.as_of:
            self._notice_free(method, reading, charge, now)
            self._compare(method, reading, charge, now)
            self._compare_with_first(method, reading, charge, now)
            self.charges = [c for c in self.charges if c.ended >= charge.started]
            self.reading, self.as_of = reading.operating, charge.started
            self._note_reset(method, reading, now)
        if seconds > _NOTICED:
            self._billed += units
        if seconds > _SURELY_NOTICED and method not in charge.guessed:
            self._behind.append(charge)

    def _notice_free(self, method: str, reading: Reading, charge: Charge, now: float) -> None:
        """A counter that is still 0 after requests that must show bills nothing: as `batch` in most portals."""
        settled = [c for c in self.charges if c.ended < charge.started and c.ended - c.started > _SURELY_NOTICED]
        if reading.operating == 0 and settled and (self.reset_at is None or now < self.reset_at):
            self.cost.sampled(0.0, sum(c.units[method] for c in settled))

    def _note_reset(self, method: str, reading: Reading, now: float) -> None:
        if reading.reset_in is None:
            self.reset_at = None
            return
        if self.reset_at is not None and now >= self.reset_at:
            self._recover()
        full = self.room(method) <= (self.cost.now or 0.0)
        self.reset_at = now + max(reading.reset_in, _FASTEST_RECHECK if full else 0.0)
        self.longest_reset = max(self.longest_reset, reading.reset_in)

    def _compare(self, method: str, reading: Reading, charge: Charge, now: float) -> None:
        """Learns from how the counter grew, where nothing left the window meanwhile.

        Exact between two readings that were taken while nothing else was in flight. Otherwise nobody knows which of
        the requests at work a reading holds: then its growth tells only what a unit costs at least.
        """
        others = [c for c in self.charges if c is not charge]
        ended = sum(c.units[method] for c in others if not c.in_flight)
        if self.reading is not None and ended and _same_window(self.reset_at, reading, now):
            self.cost.at_least((reading.operating - self.reading) / ended)
        if any(c.ended >= charge.started for c in others):
            return
        growth = reading.operating - self._quiet[0] if self._quiet is not None else 0.0
        if self._quiet is not None and growth > 0 and _same_window(self._quiet[1], reading, now):
            if self._billed < SMALL_BATCH:
                return
            self.cost.sampled(growth / self._billed, self._billed)
        self._quiet, self._billed = (reading.operating, _reset_at(reading, now)), 0.0

    def _compare_with_first(self, method: str, reading: Reading, charge: Charge, now: float) -> None:
        """What was answered behind one reading and before another was sent is surely all in between, others perhaps
        too: so the growth tells what a unit costs at most, and the better the longer the window lasts.
        """
        if self._first is None or len(self._behind) >= _COMPARED or not _same_window(self._first[1], reading, now):
            self._first, self._behind = (reading.operating, _reset_at(reading, now)), []
            return
        growth = reading.operating - self._first[0]
        between = [other for other in self._behind if other.ended <= charge.started]
        if growth > 0 and between:
            units, seconds = (sum(c.units[method] for c in between), sum(c.ended - c.started for c in between))
            self.cost.at_most(growth, units=units, seconds=seconds)

    def _recover(self) -> None:
        """A part left the window and nothing was refused: additive increase, as refusals decrease."""
        if self.limit < self.configured:
            self.limit = min(self.configured, self.limit + _STEP * self.configured)

    def refused(self, method: str, now: float) -> None:
        """The portal blocked the method: wait for the reset, and learn that its limit is not above what we saw."""
        if self.reading is not None:
            spent = self.reading + self.pending(method)
            self.limit = min(self.limit, max(spent, self.limit / 2))
        known = self.reset_at is not None and self.reset_at > now
        self.paused_until = max(self.paused_until, self.reset_at if known and self.reset_at else now + UNKNOWN_RESET)
        self.reset_at = self.paused_until
        self._quiet = None


def _reset_at(reading: Reading, now: float) -> float | None:
    return None if reading.reset_in is None else now + reading.reset_in


def _same_window(reset_at: float | None, reading: Reading, now: float) -> bool:
    """Whether nothing left the sliding window since a reading whose oldest part was to leave it at `reset_at`."""
    if reset_at is None or reading.reset_in is None:
        return True
    return reading.reset_in > _SAME_RESET and abs(now + reading.reset_in - reset_at) < _SAME_RESET


class OperatingBudget:
    """Keeps `counter + predicted cost of what is in flight <= share x limit` for every method the portal reports."""

    def __init__(self, *, limit: float, share: float) -> None:
        self._limit, self._share = limit, share
        self.gauges: dict[str, Gauge] = {}

    def __repr__(self) -> str:
        shown = ", ".join(f"{m}: {g.reading:.1f}/{g.limit:g} s" for m, g in self.gauges.items() if g.reading)
        return f"<OperatingBudget {shown or 'no counter seen'}>"

    @property
    def is_counted(self) -> bool:
        """Whether the portal has told any counter."""
        return any(gauge.reading is not None for gauge in self.gauges.values())

    def fit(self, units: Mapping[str, float], now: float) -> float:
        """The largest share (0 to 1) of all `units` that every method's budget lets through now."""
        return min((self._gauge(m).fit(m, wanted, now) / wanted for m, wanted in units.items() if wanted), default=1.0)

    def wait(self, units: Mapping[str, float], now: float, *, least: float = 1.0) -> float:
        """Seconds after which `fit` may say `least` or more: the longest wait of the methods that say less now."""
        blocked = (m for m, wanted in units.items() if wanted and self._gauge(m).fit(m, wanted, now) < least * wanted)
        return max((self._gauge(method).wait(now) for method in blocked), default=0.0)

    def charge(self, units: Mapping[str, float], now: float, *, guessed: Collection[str] = ()) -> Charge:
        """Notes a request that is about to go. It must be handed to `answered`, `lost` or `cancelled`."""
        charge = Charge({m: wanted for m, wanted in units.items() if wanted}, now, guessed=guessed)
        for method in charge.units:
            self._gauge(method).charges.append(charge)
        return charge

    def answered(self, charge: Charge, readings: Mapping[str, Reading], now: float) -> None:
        charge.ended = now
        for method in charge.units:
            gauge = self._gauge(method)
            if method in readings:
                gauge.read(method, readings[method], charge, now)
            elif gauge.reading is None:
                gauge.charges.remove(charge)

    def lost(self, charge: Charge, now: float) -> None:
        """No answer: what was done of it is unknown, so all of it counts until a reading shows otherwise."""
        charge.ended = now

    def cancelled(self, charge: Charge) -> None:
        """It was certainly not executed."""
        for method in charge.units:
            gauge = self._gauge(method)
            gauge.charges = [c for c in gauge.charges if c is not charge]

    def refused(self, methods: Iterable[str], now: float) -> None:
        for method in methods:
            self._gauge(method).refused(method, now)

    def _gauge(self, method: str) -> Gauge:
        if method not in self.gauges:
            self.gauges[method] = Gauge(self._limit, self._share, self._limit)
        return self.gauges[method]
