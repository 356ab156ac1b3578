"""How many kills one request takes, by what they were measured to take."""

#: Calls in the batch that goes first after a reset, or while the cost of a call is unknown.
SMALL_BATCH = 10
#: Seconds that a taste takes: a batch that is sent to see how the portal bears one request more. And its least size,
#: and that of the first one.
_TASTE, _COUNTED_TASTE, _LEAST_TASTE, _FIRST_TASTE = 0.025, 0.3, 2, 4


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

    def taste(self, round_trip: float = 0.0, *, counted: bool = False) -> int:
        """Kills enough to measure what one takes, and no more; about as long as the way there and back at most.

        Where the portal counts operating time it is longer, so that it surely shows: a request below 0.1 s is not
        billed (PORTAL.md 4.2), and would make the others look cheaper than they are.
        """
        each, seconds = self.seconds_each, max(_COUNTED_TASTE if counted else _TASTE, round_trip)
        return min(self.now, _FIRST_TASTE if each is None or each <= 0 else max(_LEAST_TASTE, int(seconds / each)))

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
