"""What happens on the portal while a client is at work: instances end, change and start, come back, wake each other.

Everything comes from a seed and happens before a request or with an ending, so that the same requests in the same
order see the same life.
"""

from random import Random

from cleanup.sandbox.clock import Clock
from cleanup.sandbox.generations import Traits
from cleanup.sandbox.ledger import Ledger, Resumption
from cleanup.sandbox.population import newborn
from cleanup.sandbox.readers import Event
from cleanup.sandbox.rows import Row
from cleanup.sandbox.switches import Faults
from cleanup.sandbox.world import World

_LOCK = 300


class Life:
    def __init__(
        self, world: World, ledger: Ledger, faults: Faults, clock: Clock, traits: Traits, *, seed: int
    ) -> None:
        self._world, self._ledger, self._faults = world, ledger, faults
        self._clock, self._traits = clock, traits
        self._random = Random(f"life {seed}")
        #: Ended while they executed: their executor has yet to save them.
        self._to_be_saved: list[str] = []

    def __repr__(self) -> str:
        return f"<Life {self._faults.life}, {len(self._to_be_saved)} zombies to come>"

    def before_request(self) -> None:
        """The time that has passed since the last request."""
        while self._to_be_saved:
            self._resurrect(self._to_be_saved.pop(0))
        for event, rate in self._faults.life.items():
            for _ in range(self._count(rate)):
                self._happen(Event(event))

    def after_ending(self, row: Row) -> None:
        """A call has ended the instance: its executor may save it once more, its parent resumes (PORTAL.md 7)."""
        if self._comes_back(row):
            self._to_be_saved.append(row.id)
        self._wake_parent(row.id)

    def _count(self, rate: float) -> int:
        whole = int(rate)
        return whole + (self._random.random() < rate - whole)

    def _comes_back(self, row: Row) -> bool:
        if self._faults.zombies > 0 and self._random.random() < self._faults.zombies:
            return True
        return self._traits.zombies and row.owned_until is not None and row.owned_until > self._clock.time()

    def _resurrect(self, instance: str) -> None:
        now = self._clock.time()
        self._world.put(Row(instance, int(now), None, "", "", "", int(now), 0, 0))
        self._ledger.zombies[instance].append(now)

    def _wake_parent(self, child: str) -> None:
        parent = self._faults.parents.get(child)
        row = self._world.get(parent) if parent else None
        if row is None:
            return
        resumption = Resumption(child, self._clock.time())
        if self._random.random() >= self._faults.parent_ends:
            self._world.put(row._replace(modified=int(resumption.at)))
            self._ledger.resumed[row.id].append(resumption)
            return
        self._world.remove(row.id)
        self._ledger.ended_by_child[row.id] = resumption
        self._wake_parent(row.id)

    def _happen(self, event: Event) -> None:
        now = self._clock.time()
        if event is Event.APPEARS:
            row = newborn(self._random, int(now))
            self._world.put(row)
            self._ledger.appeared[row.id] = now
        elif (chosen := self._world.pick(self._random)) is not None:
            self._befall(event, chosen, now)

    def _befall(self, event: Event, row: Row, now: float) -> None:
        if event is Event.ENDS:
            self._world.remove(row.id)
            self._ledger.ended_by_itself[row.id] = now
            self._wake_parent(row.id)
        elif event is Event.LOCKS:
            self._world.put(row._replace(modified=int(now), owned_until=int(now) + _LOCK))
            self._ledger.locked[row.id].append(now)
        else:
            self._world.put(row._replace(modified=int(now)))
            self._ledger.changed[row.id].append(now)
