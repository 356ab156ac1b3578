"""How many kills one request takes and how many requests are in flight, by what they were measured to take."""

#: Calls in the batch that goes first after a reset, or while the cost of a call is unknown.
SMALL_BATCH = 10


class BatchSize:
    """How many kills one request takes: as many as fit `target` seconds, halved when a request breaks.

    Additive increase, multiplicative decrease on the ceiling; below it the measured seconds per kill decide.
    """

    def __init__(self, *, target: float, largest: int, expected: float | None = None) -> None:
        """`expected`: seconds per kill as an earlier run measured them; half of what they allow goes first."""
        self._target, self._largest = target, largest
        first = target if expected is None else target / expected / 2
        self._ceiling = float(min(largest, max(1.0, first)))
        #: Seconds per kill by our own clock, the way there and back included. None: not measured yet.
        self.seconds_each = expected

    def __repr__(self) -> str:
        return f"<BatchSize {self.now} of {self._largest}>"

    @property
    def now(self) -> int:
        # Before the first measure a kill is taken to last a second: far from the portal's cut at 60 s.
        each = self.seconds_each if self.seconds_each is not None else 1.0
        fits = self._target / each if each > 0 else float(self._largest)
        return max(1, int(min(self._largest, self._ceiling, fits)))

    def predicted(self, count: int) -> float:
        return count * (self.seconds_each if self.seconds_each is not None else 1.0)

    def answered(self, count: int, seconds: float) -> None:
        """A request of `count` kills was answered after `seconds`."""
        if count < 1:
            return
        each = seconds / count
        first = self.seconds_each is None
        self.seconds_each = each if self.seconds_each is None else 0.7 * self.seconds_each + 0.3 * each
        step = self._largest if first else max(1.0, count / 2)
        self._ceiling = min(float(self._largest), self._ceiling + step)

    def broke(self, count: int) -> None:
        """A request of `count` kills broke: 5xx, time-out, no answer."""
        self._ceiling = max(1.0, min(self._ceiling, count) / 2)


class Concurrency:
    """How many requests are in flight: slow start, then as many as keep the portal busy and no more.

    A delay-based congestion window as in TCP Vegas (Brakmo and Peterson, 1995): from the seconds per kill against the
    best seen it follows how many of our requests only wait in a queue of the portal. Fewer than one: one more request;
    more than three: one less. A kill that takes longer than `slowdown` times the best shrinks the window by a quarter.
    """

    _FEWEST_QUEUED, _MOST_QUEUED = 1.0, 3.0

    def __init__(self, *, start: int = 4, largest: int = 16, slowdown: float = 1.5) -> None:
        self._largest, self._slowdown = largest, slowdown
        self._window = float(min(start, largest))
        self._best: float | None = None
        self._since_cut = 0
        self._starting = True

    def __repr__(self) -> str:
        return f"<Concurrency {self.now} of {self._largest}>"

    @property
    def now(self) -> int:
        return max(1, int(self._window))

    def answered(self, count: int, seconds: float) -> None:
        """A request of `count` kills took the portal `seconds`, the way there and back taken off."""
        each = max(seconds / max(1, count), 1e-6)
        self._since_cut += 1
        self._best = each if self._best is None else min(self._best, each)
        queued = self._window * (1 - self._best / each)
        if queued < (self._MOST_QUEUED if self._starting else self._FEWEST_QUEUED):
            self._window = min(float(self._largest), self._window + 1)
        elif self._since_cut > self._window and queued > self._MOST_QUEUED:
            self._starting = False
            slow = each > self._slowdown * self._best
            self._window = max(1.0, self._window * 0.75 if slow else self._window - 1)
            self._since_cut = 0

    def broke(self) -> None:
        self._window = max(1.0, self._window / 2)
        self._since_cut = 0
        self._starting = False
