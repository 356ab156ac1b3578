"""The hostile portal, cell by cell: one trouble on one generation under one billing, and what must hold afterwards.

Waits are scaled down by the portal's own settings: kills of 3 ms, a window of 3 s, a ban of 2 s. The one wait that the
portal does not set, that for a reset of which nothing was told, is scaled to 2 s here.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from cleanup.commands import Result
from cleanup.errors import CleanupError
from cleanup.limits import operating
from cleanup.sandbox import Billing, Event, Fault, Generation, Refusal, Sandbox, Settings
from tests.harness import RULES, Bench
from tests.invariants import Case, snapshot, violations

_PACE = "pace: {requests: {burst: 30, per_second: 40}, operating_limit: 5, batch_seconds: 0.1}\nprotect:"
MATRIX_RULES = RULES.replace("protect:", _PACE)
_PORTAL: Mapping[str, Any] = {
    "instances": 240,
    "licence": "ru_selfhosted",
    "bucket": 0,
    "kill_seconds": 0.003,
    "operating_limit": 0.3,
    "operating_window": 3.0,
    "ban_seconds": 2.0,
    "slow_seconds": 0.2,
}
_UNKNOWN_RESET = 2.0
#: Seconds until a cell counts as hanging.
_LONGEST = 90.0
#: The chance of a fault in each request, of a refusal, and how often life happens before each.
_RATE, _REFUSED, _LIFE = 0.25, 0.1, 1.5
#: Tries under the trouble until it is lifted.
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with the portal, and with which codes a verb may stop because of it."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    stops: frozenset[int] = frozenset()


def _later(kills: int, **change: Any) -> Mapping[str, Any]:
    return {"later": ({"kills": kills, "change": change},)}


_LOST, _ACCESS = frozenset({6}), frozenset({5})
#: Here a stop is a legal answer: so many lost answers in a row, or a portal that says itself that it is blocked.
_FAULTS = tuple(Trouble(name=fault.value, settings={"faults": {fault.value: _RATE}}, stops=_LOST) for fault in Fault)
_REFUSALS = tuple(
    Trouble(
        name=refusal.value,
        settings={"faults": {refusal.value: _REFUSED}},
        stops=_LOST if refusal is Refusal.OVERLOAD else frozenset(),
    )
    for refusal in Refusal
)
_LIVES = tuple(Trouble(name=f"life: {event.value}", settings={"life": {event.value: _LIFE}}) for event in Event)
_OTHERS = (
    Trouble(name="calm"),
    Trouble(name="renamed in the middle", settings=_later(20, redirect="localhost")),
    Trouble(name="webhook off in the middle", settings=_later(20, webhook=False), stops=_ACCESS),
    Trouble(name="rights lost in the middle", settings=_later(20, administrator=False), stops=_ACCESS),
    Trouble(name="blocked in the middle", settings=_later(20, overload=True), stops=_LOST),
    Trouble(name="neighbour in the bucket", settings={"bucket": 15, "per_second": 30.0, "neighbour": 15.0}),
    Trouble(name="poison rows", settings={"poison": 0.05}),
    Trouble(name="crash rows", settings={"crash": 0.03}),
    Trouble(name="vanishing rows", settings={"vanishing": 0.05}),
    Trouble(name="families", settings={"families": 0.6}),
    Trouble(name="zombies", settings={"zombies": 0.2, "life": {"locks": 1.0}}),
    Trouble(name="clock minutes ahead", settings={"clock_skew": 240.0}),
    Trouble(name="clock minutes behind", settings={"clock_skew": -240.0}),
    Trouble(name="owner in another zone", settings={"user_offset": 8.0}),
)
TOGETHER = Trouble(
    name="all together",
    settings={
        "faults": {name.value: 0.015 for name in (*Fault, *Refusal)},
        "life": {event.value: 0.3 for event in Event},
        "poison": 0.02,
        "crash": 0.01,
        "vanishing": 0.02,
        "families": 0.2,
        "zombies": 0.05,
        "clock_skew": 150.0,
        "user_offset": 8.0,
        "later": (
            {"kills": 20, "change": {"redirect": "localhost"}},
            {"kills": 40, "change": {"webhook": False}},
        ),
    },
    stops=_LOST | _ACCESS,
)
TROUBLES = (*_OTHERS[:1], *_FAULTS, *_REFUSALS, *_LIVES, *_OTHERS[1:], TOGETHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    trouble: Trouble
    generation: Generation
    billing: Billing
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.trouble.name} / {self.generation} / {self.billing}"

    @property
    def settings(self) -> Settings:
        seed = crc32(f"{self} {self.seed}".encode()) % 100_000
        given: dict[str, Any] = {"generation": self.generation, "billing": self.billing, "seed": seed}
        return Settings(**(dict(_PORTAL) | given | {"fault_seed": seed} | dict(self.trouble.settings)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a cell. `violated` is empty when all is well."""

    violated: Mapping[str, list[str]]
    seconds: float
    requests: int = 0
    ended: int = 0
    #: Verbs that stopped early, and went on.
    stops: int = 0

    def __str__(self) -> str:
        return "; ".join(self.violated) or "ok"


def judge(cell: Cell, folder: Path) -> Verdict:
    """Runs one cell in this process."""
    return asyncio.run(judge_here(cell, folder))


async def judge_here(cell: Cell, folder: Path) -> Verdict:
    scale, operating.UNKNOWN_RESET = operating.UNKNOWN_RESET, _UNKNOWN_RESET
    began = time.monotonic()
    try:
        async with asyncio.timeout(_LONGEST), Sandbox(cell.settings) as sandbox:
            run = Run(cell, Bench(sandbox, folder))
            await run.do()
            found = run.violated | (violations(run.case) if run.case else {})
            ledger = sandbox.ledger
            return Verdict(
                violated=found,
                seconds=time.monotonic() - began,
                requests=ledger.requests,
                ended=ledger.kills_effective,
                stops=run.stops,
            )
    except TimeoutError:
        return Verdict(violated={"it hangs": [str(cell)]}, seconds=time.monotonic() - began)
    finally:
        operating.UNKNOWN_RESET = scale


class Run:
    """plan, then apply, each again after a stop; the trouble is lifted when it has stopped them often enough."""

    def __init__(self, cell: Cell, bench: Bench) -> None:
        self._cell, self._bench = cell, bench
        self._checkpoint = bench.folder / "run.sqlite"
        self.stops = 0
        self.violated: dict[str, list[str]] = {}
        self.case: Case | None = None

    async def do(self) -> None:
        planned = await self._again("plan")
        if planned is None:
            return
        now = datetime.fromisoformat(planned.document["now"]).timestamp()
        before = snapshot(self._bench.sandbox, now, self._entries().keys())
        applied = await self._again("apply")
        if applied is None:
            return
        self.case = Case(
            sandbox=self._bench.sandbox,
            planned=before,
            entries=self._entries(),
            document=applied.document,
            exit_code=applied.exit_code,
        )

    def _entries(self) -> dict[str, Any]:
        with self._bench.journal(str(self._checkpoint)) as journal:
            return {entry.id: entry for entry, _, _ in journal.entries()}

    async def _again(self, verb: str) -> Result | None:
        for _ in range(_TRIES):
            code, result = await self._once(verb)
            if code in {0, 3}:
                return result
            self.stops += 1
            if code not in self._cell.trouble.stops:
                self.violated["exit code"] = [f"{verb} stopped with {code}: {result}"]
        self._lift()
        code, result = await self._once(verb)
        if code not in {0, 3}:
            self.violated["resumable"] = [f"{verb} ended with {code} after the trouble was over: {result}"]
            return None
        return result

    async def _once(self, verb: str) -> tuple[int, Any]:
        try:
            if verb == "plan":
                result = await self._bench.plan(MATRIX_RULES, checkpoint=self._checkpoint)
            else:
                result = await self._bench.apply(str(self._checkpoint))
        except CleanupError as error:
            return int(error.exit_code), str(error)
        return result.exit_code, result

    def _lift(self) -> None:
        faults = self._bench.sandbox.faults
        faults.change({"rates": {}, "life": {}, "later": [], "webhook": True, "administrator": True, "overload": False})
