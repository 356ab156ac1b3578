"""One call of one method, alone or in a batch: may it run, how long did it take, what does its answer look like."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cleanup.sandbox.clock import Clock
from cleanup.sandbox.dates import Zone
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.faults import Faults
from cleanup.sandbox.ledger import Ledger
from cleanup.sandbox.limiter import LoadLimiter
from cleanup.sandbox.php import Parameters, number, to_int
from cleanup.sandbox.population import choose, make_world
from cleanup.sandbox.script import Key, Script
from cleanup.sandbox.settings import Settings

WEBHOOK = "webhook"


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
    #: The scope that a webhook needs for it. None: any will do.
    scope: str | None
    run: Callable[["Portal", Call], Awaitable[Reply]]


class Portal:
    """The state that requests share, and the rules for a single call."""

    def __init__(self, settings: Settings, methods: Mapping[str, Method]) -> None:
        self.settings = settings
        self.clock = Clock(settings.now)
        self.zone = Zone(round(settings.utc_offset * 3600))
        self.world = make_world(seed=settings.seed, count=settings.instances, now=int(self.clock.time()))
        self.faults = Faults(settings)
        self.ledger = Ledger()
        self.limiter = LoadLimiter(settings)
        self.random = Random(settings.seed)
        self._methods = methods
        self._choose_bad_rows()

    def _choose_bad_rows(self) -> None:
        ids = [row.id for row in self.world.population]
        self.faults.poison |= choose(self.settings.poison, ids, Random(f"poison {self.settings.seed}"))
        healthy = [instance for instance in ids if instance not in self.faults.poison]
        self.faults.crash |= choose(self.settings.crash, healthy, Random(f"crash {self.settings.seed}"))

    def method(self, name: str) -> Method | None:
        """The method of that name on this plan."""
        method = self._methods.get(name)
        return None if method and method.scope == "bizproc" and not self.faults.bizproc else method

    def allows(self, method: Method) -> bool:
        return method.scope is None or method.scope in self.faults.scopes

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
        if not self.limiter.blocks(key, call.script, self.clock.time()):
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
        """PORTAL.md 1: in G3 the start is an integer, so that the duration is up to 1 s too long."""
        finish, start = self.clock.time(), int(began)
        return {
            "start": start,
            "finish": number(round(finish, 6)),
            "duration": number(round(finish - start, 6)),
            "processing": int(finish - began),
            "date_start": self.zone.iso(start),
            "date_finish": self.zone.iso(int(finish)),
            **self.limiter.gauge(key, script, finish),
        }


_SCOPE_TEXT = "The request requires higher privileges than provided by the webhook token"
