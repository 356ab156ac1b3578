"""What the portal really did: the truth that a client's own record is compared with."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple


class Ending(NamedTuple):
    """One kill or terminate that ended an instance."""

    method: str
    #: Portal time, seconds since 1970.
    at: float


class Ledger:
    def __init__(self) -> None:
        #: By instance: the endings that had an effect, in order. More than one would mean that it came back.
        self.endings: defaultdict[str, list[Ending]] = defaultdict(list)
        #: Kills and terminates of instances that an earlier one had already ended.
        self.kills_repeated = 0
        #: Those of instances that this ledger never saw ended: unknown, or gone by themselves.
        self.not_found = 0
        #: Those that a poison row refused.
        self.poisoned = 0
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

    def __repr__(self) -> str:
        return f"<Ledger {self.kills_effective} ended, {self.kills_repeated} repeated, {dict(self.outcomes)}>"

    @property
    def kills_effective(self) -> int:
        return sum(map(len, self.endings.values()))

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    def ended(self, instance: str, method: str, at: float) -> None:
        self.endings[instance].append(Ending(method, at))

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

    def to_json(self) -> dict[str, Any]:
        return {
            "endings": {key: [ending._asdict() for ending in endings] for key, endings in self.endings.items()},
            "kills_effective": self.kills_effective,
            "kills_repeated": self.kills_repeated,
            "not_found": self.not_found,
            "poisoned": self.poisoned,
            "calls": dict(self.calls),
            "requests": {"total": self.requests, **self.outcomes},
            "operation_limit_subcalls": self.operation_limit_subcalls,
            "bans": self.bans,
            "max_concurrent": self.max_concurrent,
            "max_in_flight": self.max_in_flight,
        }
