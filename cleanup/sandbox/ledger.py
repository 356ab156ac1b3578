"""What the portal really did: the truth that a client's own record is compared with."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from cleanup.sandbox.rows import Row


class Ending(NamedTuple):
    """One kill or terminate that ended an instance."""

    method: str
    #: Portal time, seconds since 1970.
    at: float


class Showing(NamedTuple):
    """A row as a list showed it to a client, with all of its fields."""

    row: Row
    #: Portal time, seconds since 1970.
    at: float


class Resumption(NamedTuple):
    """What the end of a child did to the instance that waited for it."""

    child: str
    at: float


class Work(NamedTuple):
    """One request in a worker."""

    #: On the sandbox's monotonic clock.
    began: float
    ended: float
    #: Whether it was to end instances.
    ends: bool


class Ledger:
    def __init__(self) -> None:
        #: By instance: the endings that had an effect, in order. More than one means that it came back in between.
        self.endings: defaultdict[str, list[Ending]] = defaultdict(list)
        #: By instance and method: how often it was asked to end, with effect or without.
        self.asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
        #: By instance: how it was shown the last time; and, of those that a call ended, how before their first ending.
        self.shown: dict[str, Showing] = {}
        self.shown_before_ending: dict[str, Showing] = {}
        self.kills_effective = 0
        #: Kills and terminates of instances that an earlier one had already ended.
        self.kills_repeated = 0
        #: Those of instances that this ledger never saw ended by a call: unknown, or gone by themselves.
        self.not_found = 0
        #: Those that a poison row refused.
        self.poisoned = 0
        #: What the portal did of its own accord, by instance: ended, saved a step of, began to execute, started.
        self.ended_by_itself: dict[str, float] = {}
        self.changed: defaultdict[str, list[float]] = defaultdict(list)
        self.locked: defaultdict[str, list[float]] = defaultdict(list)
        self.appeared: dict[str, float] = {}
        #: Instances that were ended by a call and then inserted again while they executed.
        self.zombies: defaultdict[str, list[float]] = defaultdict(list)
        #: Parents that came to their end, or went on, because a call ended their child.
        self.ended_by_child: dict[str, Resumption] = {}
        self.resumed: defaultdict[str, list[Resumption]] = defaultdict(list)
        #: Calls and sub-calls that were looked up, by method name.
        self.calls: Counter[str] = Counter()
        #: Requests by what became of them: answered, error, query_limit, operation_limit, cut, crashed, a fault's name…
        self.outcomes: Counter[str] = Counter()
        #: Sub-calls refused by the load limiter inside of batches.
        self.operation_limit_subcalls = 0
        self.bans = 0
        #: Most requests in workers at once, and most on the way at once (those in a queue included).
        self.max_concurrent = 0
        self.max_in_flight = 0
        self.running = 0
        self.in_flight = 0
        #: What the workers did, in the order in which it came to its end.
        self.work: list[Work] = []

    def __repr__(self) -> str:
        return f"<Ledger {self.kills_effective} ended, {self.kills_repeated} repeated, {dict(self.outcomes)}>"

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    def ended(self, instance: str, method: str, at: float) -> None:
        if instance in self.shown:
            self.shown_before_ending.setdefault(instance, self.shown[instance])
        self.endings[instance].append(Ending(method, at))
        self.kills_effective += 1

    def missing(self, instance: str) -> None:
        if instance in self.endings:
            self.kills_repeated += 1
        else:
            self.not_found += 1

    def entered(self) -> None:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def started(self) -> None:
        self.running += 1
        self.max_concurrent = max(self.max_concurrent, self.running)

    def stopped(self, work: Work) -> None:
        self.running -= 1
        self.work.append(work)

    def to_json(self) -> dict[str, Any]:
        return {
            "endings": {key: [ending._asdict() for ending in endings] for key, endings in self.endings.items()},
            "asked": self.asked,
            "kills_effective": self.kills_effective,
            "kills_repeated": self.kills_repeated,
            "not_found": self.not_found,
            "poisoned": self.poisoned,
            **self._of_its_own_accord(),
            "calls": self.calls,
            "requests": {"total": self.requests, **self.outcomes},
            "operation_limit_subcalls": self.operation_limit_subcalls,
            "bans": self.bans,
            "max_concurrent": self.max_concurrent,
            "max_in_flight": self.max_in_flight,
            "work": self.work,
        }

    def _of_its_own_accord(self) -> dict[str, Any]:
        return {
            "ended_by_itself": self.ended_by_itself,
            "changed": self.changed,
            "locked": self.locked,
            "appeared": self.appeared,
            "zombies": self.zombies,
            "ended_by_child": {key: resumption._asdict() for key, resumption in self.ended_by_child.items()},
            "resumed": {key: [one._asdict() for one in resumptions] for key, resumptions in self.resumed.items()},
        }
