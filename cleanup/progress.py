"""What a person sees while a run works: one live line on a terminal, else a line each 30 seconds. It only reads."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cleanup.journal import Journal
from cleanup.model import State
from cleanup.portal.pacing import Pacer
from cleanup.words import duration

_EVERY = 30.0
_LIVE_EVERY = 0.5
_WINDOW = 60.0
_OPEN = frozenset({State.PLANNED, State.SENT})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. Rates are entries per second; times are seconds."""

    done: int
    total: int
    failed: int
    rate: float | None
    waiting: str

    @property
    def eta(self) -> float | None:
        return (self.total - self.done) / self.rate if self.rate else None


def describe(snapshot: Snapshot) -> str:
    parts = [f"{snapshot.done:,} of {snapshot.total:,}"]
    if snapshot.rate is not None:
        parts.append(f"{snapshot.rate:.1f}/s")
    if snapshot.eta is not None and snapshot.done < snapshot.total:
        parts.append(f"{duration(snapshot.eta)} left")
    if snapshot.failed:
        parts.append(f"{snapshot.failed:,} failed")
    if snapshot.waiting:
        parts.append(snapshot.waiting)
    return " · ".join(parts)


class Meter:
    """Takes snapshots of an apply. The rate is over the last minute, waits included, so the ETA includes them."""

    def __init__(self, journal: Journal, pacer: Pacer, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal, self._pacer, self._clock = journal, pacer, clock
        self._seen: deque[tuple[float, int]] = deque()

    def snapshot(self) -> Snapshot:
        states = self._journal.state_counts()
        total = sum(states.values())
        done = total - sum(states.get(state, 0) for state in _OPEN)
        return Snapshot(done, total, states.get(State.FAILED, 0), self._rate(done), self._waiting())

    def _rate(self, done: int) -> float | None:
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        began, first = self._seen[0]
        return (done - first) / (now - began) if now - began >= 1 and done > first else None

    def _waiting(self) -> str:
        if self._pacer.waiting_operating.running:
            left = max(0.0, self._pacer.operating_until - time.monotonic())
            return f"waiting {duration(left)} for the portal's operating budget"
        if self._pacer.waiting_rate.running:
            return "at the portal's request rate"
        return ""


async def watch(meter: Meter, console: Console) -> None:
    """Shows snapshots until it is cancelled."""
    if not console.is_terminal:
        while True:
            await anyio.sleep(_EVERY)
            console.print(describe(meter.snapshot()), highlight=False)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            live.update(_line(meter.snapshot()))
            await anyio.sleep(_LIVE_EVERY)


def _line(snapshot: Snapshot) -> Table:
    width = 20
    filled = round(width * snapshot.done / snapshot.total) if snapshot.total else width
    row = Table.grid(padding=(0, 1))
    row.add_row(Text("━" * filled, "green") + Text("━" * (width - filled), "bright_black"), describe(snapshot))
    return row
