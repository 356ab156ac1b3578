"""Decides what is checked and what is sent next. Entries go planned → unchecked → ready → sent, in ID order."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from cleanup.apply.outcomes import Judge, recheck
from cleanup.journal import Journal, Outcome
from cleanup.model import Entry, Instance, State

#: Seconds for which the portal's word that an instance is still there, and unchanged, is good enough to end it. A
#: request may go again within 2 s behind them (portal.line), so that 30 are never exceeded.
FRESH = 28.0


class Rechecked(NamedTuple):
    """An entry with what the portal's present word means for it. None: it is to be ended, as planned."""

    entry: Entry
    outcome: Outcome | None

    @property
    def is_strange(self) -> bool:
        """It is gone or changed, and not by our doing."""
        return self.outcome is not None and self.outcome.state in {State.GONE, State.CHANGED}


class Desk:
    """The entries of one apply between the journal and a request."""

    def __init__(self, journal: Journal, judge: Judge) -> None:
        self._journal, self._judge = journal, judge
        self._cursor = ""
        self._unchecked: deque[Entry] = deque()
        self._ready: deque[tuple[float, Entry]] = deque()

    def __repr__(self) -> str:
        return f"<Desk ready={len(self._ready)} unchecked={len(self._unchecked)} cursor={self._cursor!r}>"

    def restart(self) -> bool:
        """Begins again at the first planned entry, once all of a round is settled. False: none is planned."""
        self._cursor = ""
        return bool(self._refill(1))

    def to_check(self, count: int) -> list[Entry]:
        """Takes up to `count` entries out for a look-up; hand them to `checked` or `unchecked`."""
        self._refill(count)
        return [self._unchecked.popleft() for _ in range(min(count, len(self._unchecked)))]

    def unchecked(self, entries: Sequence[Entry]) -> None:
        self._unchecked.extendleft(reversed(entries))

    def recheck(self, entries: Sequence[Entry], found: Mapping[str, Instance]) -> list[Rechecked]:
        """What the portal's present word means for each of them; recorded is nothing."""
        return [Rechecked(entry, recheck(entry, found.get(entry.id), self._judge)) for entry in entries]

    def checked(self, rechecked: Sequence[Rechecked], *, at: float, now: datetime) -> None:
        """Records those that vanished or changed; the others are ready, as of `at` on the monotonic clock."""
        if decided := [each.outcome for each in rechecked if each.outcome is not None]:
            self._journal.record(decided, now=now)
        self._ready.extend((at, each.entry) for each in rechecked if each.outcome is None)

    def compose(self, count: int, *, at: float) -> tuple[list[Entry], float]:
        """Up to `count` freshly checked entries for one request, a suspect by itself; when the first was checked."""
        batch: list[tuple[float, Entry]] = []
        stale: list[Entry] = []
        while self._ready and len(batch) < count and not (batch and self._ready[0][1].alone):
            checked, entry = self._ready.popleft()
            if at - checked > FRESH:
                stale.append(entry)
                continue
            batch.append((checked, entry))
            if entry.alone:
                break
        self.unchecked(stale)
        return [entry for _, entry in batch], min((checked for checked, _ in batch), default=at)

    def put_back(self, entries: Sequence[Entry], *, checked: float) -> None:
        """They were not sent, and may still be fresh."""
        self._ready.extendleft((checked, entry) for entry in reversed(entries))

    @property
    def ready(self) -> int:
        return len(self._ready)

    def drop_stale(self, at: float) -> None:
        """What was checked too long ago is to be checked again."""
        stale = []
        while self._ready and at - self._ready[0][0] > FRESH:
            stale.append(self._ready.popleft()[1])
        self.unchecked(stale)

    def more(self) -> bool:
        """Whether any entry waits to be checked."""
        return bool(self._refill(1))

    def _refill(self, count: int) -> int:
        if len(self._unchecked) < count:
            fetched = self._journal.planned(self._cursor, count - len(self._unchecked))
            self._unchecked.extend(fetched)
            self._cursor = fetched[-1].id if fetched else self._cursor
        return len(self._unchecked)
