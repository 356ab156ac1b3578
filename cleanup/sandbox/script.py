"""One request in a worker: the server time it has spent, by method, and the moment when it is cut off."""

from dataclasses import dataclass
from typing import NamedTuple

from cleanup.sandbox.clock import Clock
from cleanup.sandbox.errors import Crashed, Cut
from cleanup.sandbox.faults import NOTHING, Fault, Mishap

#: The limiter ignores what took no longer than this (PORTAL.md 4.2); it does not scale with the window.
NOTICED = 0.1


class Key(NamedTuple):
    """What has its own operating counter. Sub-calls of all webhooks share the empty entity."""

    entity: str
    method: str


@dataclass(slots=True)
class Tally:
    """What one request has spent on one key."""

    #: Portal time of the first call.
    first: float
    #: All of it: billed at the end of the request.
    total: float = 0.0
    #: Only the calls that were long enough to be noticed: shown and tested meanwhile.
    noticed: float = 0.0

    def add(self, seconds: float) -> None:
        self.total += seconds
        if seconds > NOTICED:
            self.noticed += seconds


class Script:
    def __init__(self, clock: Clock, cut_seconds: float, mishap: Mishap = NOTHING) -> None:
        self._clock = clock
        #: What befalls this request.
        self.mishap = mishap
        self._commands = 0
        self._start = clock.monotonic()
        self._cut = cut_seconds
        #: Portal time at the start.
        self.began = clock.time()
        #: Seconds of server time so far: the sum of all costs, so that it does not depend on the machine.
        self.spent = 0.0
        self.tallies: dict[Key, Tally] = {}

    def next_command(self) -> bool:
        """One more call or sub-call begins; False when the load limiter refuses it. Raises ScriptStopped."""
        place, self._commands = self._commands, self._commands + 1
        if place == self.mishap.stops_at:
            raise Crashed if self.mishap.trouble is Fault.EMPTY_500 else Cut
        return self.mishap.limited_from is None or place < self.mishap.limited_from

    async def spend(self, seconds: float) -> None:
        """Take real time for a piece of work, without drift. Raises Cut, at the cut, if that comes first."""
        if self.spent + seconds > self._cut:
            self.spent = self._cut
            await self._clock.sleep_until(self._start + self._cut)
            raise Cut
        if seconds > 0:
            self.spent += seconds
            await self._clock.sleep_until(self._start + self.spent)

    def record(self, key: Key, first: float, seconds: float) -> None:
        """A call ended, however it ended."""
        self.tallies.setdefault(key, Tally(first)).add(seconds)
