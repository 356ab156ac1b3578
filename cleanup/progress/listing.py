"""Takes snapshots of a listing."""

import time
from collections.abc import Callable

from cleanup.journal import Journal
from cleanup.portal.line import Line
from cleanup.progress.meter import Rate, waiting
from cleanup.progress.snapshot import Listed


class ListingMeter:
    """Snapshots of one plan's listing."""

    def __init__(
        self, journal: Journal, line: Line, population: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal, self._line, self._population, self._clock = journal, line, population, clock
        self._rate = Rate(clock)

    def snapshot(self) -> Listed:
        listed = self._journal.listed()
        return Listed(
            listed=listed,
            population=self._population,
            selected=sum(self._journal.open_counts().values()),
            rate=self._rate.of(listed),
            requests=self._line.counters.sent,
            waiting=waiting(self._line.pacer, now=self._clock()),
        )
