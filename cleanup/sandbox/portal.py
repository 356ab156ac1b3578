"""One call of one method, alone or in a batch: may it run, how long did it take, what does its answer look like."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cleanup.sandbox.clock import Clock
from cleanup.sandbox.copies import read_copy
from cleanup.sandbox.dates import Zone
from cleanup.sandbox.documents import Documents
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.generations import TRAITS, Generation
from cleanup.sandbox.ledger import Ledger
from cleanup.sandbox.life import Life
from cleanup.sandbox.limiter import LoadLimiter
from cleanup.sandbox.office import Office
from cleanup.sandbox.php import Parameters, number, to_int
from cleanup.sandbox.population import choose, families, make_world
from cleanup.sandbox.script import Key, Script
from cleanup.sandbox.settings import Settings
from cleanup.sandbox.switches import Faults
from cleanup.sandbox.world import World

WEBHOOK = "webhook"
BIZPROC = frozenset({"bizproc"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a method returns, before it gets its envelope."""

    result: Any
    next: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    parameters: Parameters
    script: Script
    inside_batch: bool

    @property
    def start(self) -> int:
        """PORTAL.md 2: the lower-case key only."""
        return to_int(self.parameters.get("start"))


@dataclass(frozen=True, slots=True)
class Method:
    #: The scopes of which a webhook needs one for it. None: it needs none.
    scopes: frozenset[str] | None
    run: Callable[["Portal", Call], Awaitable[Reply]]


class Portal:
    """The state that requests share, and the rules for a single call."""

    def __init__(self, settings: Settings, methods: Mapping[str, Method]) -> None:
        self.settings = settings
        self.traits = TRAITS[Generation(settings.generation)]
        self.faults = Faults(settings)
        #: What the instances were copied from; None: they are made up.
        self.copy = read_copy(settings.source) if settings.source else None
        start = settings.now or (self.copy.present if self.copy else None)
        self.clock = Clock(start, lambda: self.faults.clock_skew)
        self.zone = Zone(round(settings.utc_offset * 3600))
        self.world = self._world()
        self.ledger = Ledger()
        self.life = Life(self.world, self.ledger, self.faults, self.clock, self.traits, seed=settings.seed)
        self.office = Office(
            self.world, self.ledger, owner=settings.user, seed=settings.seed, empty=self.copy is not None
        )
        self.documents = Documents(self.world, settings.gone, seed=settings.seed, empty=self.copy is not None)
        self.limiter = LoadLimiter(settings)
        self.random = Random(settings.seed)
        self._methods = methods
        self._choose_bad_rows()

    def _world(self) -> World:
        if self.copy is not None:
            return self.copy.world
        return make_world(seed=self.settings.seed, count=self.settings.instances, now=int(self.clock.time()))

    def _choose_bad_rows(self) -> None:
        ids = [row.id for row in self.world.population]
        self.faults.poison |= choose(self.settings.poison, ids, Random(f"poison {self.settings.seed}"))
        healthy = [instance for instance in ids if instance not in self.faults.poison]
        self.faults.crash |= choose(self.settings.crash, healthy, Random(f"crash {self.settings.seed}"))
        healthy = [instance for instance in healthy if instance not in self.faults.crash]
        self.faults.vanishing |= choose(self.settings.vanishing, healthy, Random(f"vanishing {self.settings.seed}"))
        self.faults.parents |= families(self.settings.families, ids, Random(f"families {self.settings.seed}"))

    def method(self, name: str) -> Method | None:
        """The method of that name on this plan."""
        method = self._methods.get(name)
        return None if method and method.scopes == BIZPROC and not self.faults.bizproc else method

    def allows(self, method: Method) -> bool:
        return method.scopes is None or not method.scopes.isdisjoint(self.faults.scopes)

    def reached(self) -> None:
        """Lets the switches change that were to change by now."""
        if self.faults.later:
            self.faults.reached(requests=self.ledger.requests, kills=self.ledger.kills_effective)

    async def answer(self, call: Call) -> dict[str, Any]:
        """The envelope of a call that succeeded. Raises RestError for one that did not."""
        method = self._admit(call)
        key = Key("" if call.inside_batch else WEBHOOK, call.method)
        self._check_limit(key, call)
        began, spent = self.clock.time(), call.script.spent
        try:
            reply = await method.run(self, call)
        finally:
            weight = self.limiter.weight(key)
            if weight:
                call.script.record(key, began, weight * (call.script.spent - spent))
        return self._envelope(reply, self._time(began, key, call.script))

    def _admit(self, call: Call) -> Method:
        method = self.method(call.method)
        if method is None:
            raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        self.ledger.calls[call.method] += 1
        if not self.allows(method):
            raise RestError("insufficient_scope", "" if call.inside_batch else _SCOPE_TEXT, 401)
        return method

    def _check_limit(self, key: Key, call: Call) -> None:
        granted = call.method == "batch" or call.script.next_command()
        if granted and not self.limiter.blocks(key, call.script, self.clock.time()):
            return
        self.ledger.bans = self.limiter.bans
        if call.inside_batch:
            self.ledger.operation_limit_subcalls += 1
        raise RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)

    def _envelope(self, reply: Reply, time: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {"result": reply.result}
        if reply.next is not None:
            answer["next"] = reply.next
        if reply.total is not None:
            answer["total"] = reply.total
        answer["time"] = time
        return answer

    def _time(self, began: float, key: Key, script: Script) -> dict[str, Any]:
        finish = self.clock.time()
        start, processing = (int(began), int(finish - began)) if self.traits.whole_start else (began, finish - began)
        return {
            "start": number(round(start, 6)),
            "finish": number(round(finish, 6)),
            "duration": number(round(finish - start, 6)),
            "processing": number(round(processing, 6)),
            "date_start": self.zone.iso(int(began)),
            "date_finish": self.zone.iso(int(finish)),
            **self.limiter.gauge(key, script, finish),
        }


_SCOPE_TEXT = "The request requires higher privileges than provided by the webhook token"
