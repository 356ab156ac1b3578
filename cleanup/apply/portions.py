"""How many entries the next look-up and the next request hold, from what was measured so far (notes/pacing.md)."""

import math

from cleanup.apply.desk import FRESH
from cleanup.limits import SMALL_BATCH
from cleanup.portal.client import LOOK_UP_LIMIT, Ender
from cleanup.portal.wire import BATCH_LIMIT, PAGE_SIZE

#: How many requests more than must be the tastes may cost.
_TASTES = 25
#: Entries of a look-up where requests are not scarce: the first one, those of the start, and the others. The first one
#: must hold enough to tell another portal by (guards.py).
_FIRST, _STARTING, _FEW = 2 * PAGE_SIZE, 4 * PAGE_SIZE, 10 * PAGE_SIZE
#: Seconds there and back below which several short look-ups are better than one that is longer.
_SHORT_WAY = 0.05
#: Which part of the requests to spare may go for an even end that a wait follows.
_BEFORE_A_WAIT = 0.25
#: Seconds of work below which a request is not worth its way.
_SHORTEST = 0.05
#: So many times what may be in flight are left near the end.
_NEAR = 4


class Portions:
    """The portions of one apply."""

    def __init__(self, ender: Ender) -> None:
        self.ender, self._pacer = ender, ender.pacer
        #: Entries that were not sent yet, about: what is put back, and what is gone by itself, is counted anew later.
        self.to_send = 0
        #: As many entries as the portal tells about while its first word is still fresh.
        self._most_checked = LOOK_UP_LIMIT
        #: Which parts of a batch the first ones behind the start are, the next one last. None: they are not begun.
        self._fan: list[float] | None = None

    def __repr__(self) -> str:
        return f"<Portions {self.to_send} to send, {self.to_check()} to check>"

    # Look-ups

    def to_check(self) -> int:
        """Many where requests are scarce, as many as can be sent before the answer is old; else few, since both sides
        are busy with a long answer for a while.
        """
        pacer, bucket, each = self._pacer, self._pacer.bucket, self._pacer.size.seconds_each
        if bucket is None or (each is None and self.to_send <= bucket.left * BATCH_LIMIT):
            starts = self._tastes and pacer.round_trip < _SHORT_WAY
            return min((_FIRST if each is None else _STARTING) if starts else _FEW, self._most_checked)
        if each is None:
            return self._most_checked
        by_work = pacer.concurrency.now * FRESH / 2 / max(each, 1e-3)
        by_requests = (bucket.left + 0.9 * FRESH * bucket.per_second) * pacer.size.now
        return min(self._most_checked, max(BATCH_LIMIT, int(min(by_work, by_requests))))

    def checked(self, entries: int, seconds: float) -> None:
        """Where a look-up took long, the next one is about fewer, so that they can be sent before it is old."""
        if seconds > FRESH / 2:
            self._most_checked = max(PAGE_SIZE, int(entries * FRESH / 4 / seconds))
        elif seconds < FRESH / 8:
            self._most_checked = min(LOOK_UP_LIMIT, 2 * self._most_checked)

    # Requests

    def awaits_round(self, asking: int) -> bool:
        """Tastes that tell how many may be in flight are on their way: one more would keep its place from the next.

        `asking`: requests that are about to go.
        """
        return self._pacer.concurrency.round_is_out(asking) and self._tastes and self._taste < self._pacer.size.now

    def to_end(self, ready: int, *, is_all: bool) -> int:
        """For one request. `ready` entries may go now; `is_all`: no others will follow.

        A taste while it is not known how many may be in flight; the first ones behind the start in a fan, so that they
        are not answered all at once; where what is left comes to its end, or what the budget lets through, a fair part
        of it, so that all workers of the portal end together. As far as the bucket has room for such requests.
        """
        pacer = self._pacer
        size, in_flight = pacer.size.now, pacer.concurrency.now
        if self._tastes:
            return self._taste
        if is_all and ready < _NEAR * size * in_flight:
            pacer.concurrency.near_the_end()
        left = ready if is_all else self.to_send
        if self._fan is None:
            # Where little is left it would cost more at the end than it saves here.
            parts = in_flight if left >= _NEAR * size * in_flight else 0
            self._fan = [(rank + 1) / in_flight for rank in reversed(range(parts))]
        passing = self.ender.let_through(left)
        fair = self._fan.pop() * size if self._fan else passing / in_flight
        # Behind what the budget lets through there is a wait, which hides an uneven end; behind the last one none is.
        part = 1.0 if passing >= left else _BEFORE_A_WAIT
        affordable = passing / max(1.0, passing / size + part * self._spare)
        return min(size, math.ceil(max(SMALL_BATCH, self._worth_its_way, fair, affordable)))

    @property
    def _worth_its_way(self) -> float:
        pacer = self._pacer
        return max(_SHORTEST, pacer.round_trip) / (pacer.size.seconds_each or math.inf)

    @property
    def _spare(self) -> float:
        """Requests that the bucket has room for beyond those that must be."""
        pacer = self._pacer
        if pacer.bucket is None:
            return math.inf
        return pacer.bucket.left - self.ender.let_through(self.to_send) / pacer.size.now

    @property
    def _tastes(self) -> bool:
        return self._pacer.concurrency.starting and self._spare >= _TASTES

    @property
    def _taste(self) -> int:
        return self._pacer.size.taste(self._pacer.round_trip, counted=self._pacer.budget.is_counted)
