"""A portal and the senders of one apply on a virtual clock: what the controller of the pace sees, without a socket.

Requests line up for the portal's workers, first come first served, and each is done kill by kill. `others` requests of
the portal's own users are at work all the time, so that our share of the workers is what they leave.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from random import Random

from cleanup.limits import SMALL_BATCH, BatchSize, Concurrency


@dataclass(slots=True)
class Portal:
    workers: int
    #: Seconds that one kill takes, by the time of day; and how far single kills are from it, as a part of it.
    each: Callable[[float], float]
    spread: float = 0.0
    seed: int = 0
    _free_at: list[float] = field(default_factory=list)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._free_at = [0.0] * self.workers

    def resize(self, workers: int, now: float) -> None:
        """Its own users take workers, or give some back."""
        busy = sorted(self._free_at, reverse=True)[:workers]
        self.workers, self._free_at = workers, busy + [now] * (workers - len(busy))

    def done_at(self, now: float, kills: int) -> float:
        """When a request that arrives `now` is answered."""
        place = min(range(self.workers), key=lambda worker: self._free_at[worker])
        began = max(now, self._free_at[place])
        self._free_at[place] = began + sum(self._one(began) for _ in range(kills))
        return self._free_at[place]

    def _one(self, now: float) -> float:
        return self.each(now) * (1 + self.spread * self._random.uniform(-1, 1))


@dataclass(frozen=True, slots=True)
class Seen:
    """One answered batch."""

    sent: float
    answered: float
    kills: int
    #: The window when it was answered, before and after the controller took it in.
    window: int
    following: int

    @property
    def each(self) -> float:
        return (self.answered - self.sent) / self.kills


class Senders:
    """Keep as many batches in flight as the controller says, the way the engine does."""

    def __init__(self, portal: Portal, concurrency: Concurrency, size: BatchSize | None = None) -> None:
        self.portal, self.concurrency = portal, concurrency
        self.size = size or BatchSize(target=10, largest=50)
        self.now = 0.0
        self.seen: list[Seen] = []
        self._flying: list[tuple[float, int, float, int, int, int]] = []
        self._sent = 0
        self._fan: list[float] | None = None

    def run(self, batches: int) -> list[Seen]:
        """Until so many more batches are answered; those."""
        already = len(self.seen)
        while len(self.seen) < already + batches:
            while len(self._flying) < self.concurrency.now and not self._awaits_round():
                self._send()
            self._receive()
        return self.seen[already:]

    def _awaits_round(self) -> bool:
        tastes = self.concurrency.starting and self.size.taste() < self.size.now
        return bool(self._flying) and tastes and self.concurrency.round_is_out()

    def _portion(self) -> int:
        if self.concurrency.starting:
            return self.size.taste()
        if self._fan is None:
            self._fan = [(rank + 1) / self.concurrency.now for rank in reversed(range(self.concurrency.now))]
        part = self._fan.pop() if self._fan else 1.0
        return min(self.size.now, max(SMALL_BATCH, ceil(part * self.size.now)))

    def _send(self) -> None:
        kills = self._portion()
        self.concurrency.sent()
        done = self.portal.done_at(self.now, kills)
        self._sent += 1
        busy = len(self._flying) + 1
        heapq.heappush(self._flying, (done, self._sent, self.now, kills, self.concurrency.now, busy))

    def _receive(self) -> None:
        self.now, _, sent, kills, window, busy = heapq.heappop(self._flying)
        before = self.concurrency.now
        self.size.answered(kills, self.now - sent)
        self.concurrency.answered(kills, self.now - sent, window=window, busy=busy)
        self.seen.append(Seen(sent, self.now, kills, before, self.concurrency.now))
