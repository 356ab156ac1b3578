"""The scenarios, each as a portal and a number of instances, and the least time in which they can be ended.

The bound is arithmetic over what the portal allows, for the kills alone: no listing, no look-up, no retry, no way there
and back except the first one. Three things can hold a client back, and the largest one is the bound:

- *work*: the portal's workers do nothing but kill: seconds of work / workers.
- *bucket*: batches hold 50 kills at most. `size` requests go at once, the others as fast as they drip out, less
  what another client takes of that: (requests - size) / (per_second - neighbour). The bucket is empty at the start.
- *budget*: after `limit` billed seconds the load limiter lets nothing through until the first of them leave the window.
  So all parts but the last cost a whole window, and the last one only its work: windows x window + rest / workers.
  A client that ignores the limit can be below this bound, since requests in flight are not yet billed; it is refused.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cleanup.sandbox.costs import cost

WORKERS = 8
BATCH = 50
#: Seed and moment of the sandbox's population, and so of what its instances cost: the same for all clients.
SEED = 1
NOW = "2026-03-02T03:00:00+03:00"


@dataclass(frozen=True, slots=True)
class Bucket:
    size: int
    per_second: float
    #: Requests a second of another client behind the same address.
    neighbour: float = 0.0

    def bound(self, requests: int) -> float:
        return max(0.0, (requests - self.size) / (self.per_second - self.neighbour))


@dataclass(frozen=True, slots=True)
class Budget:
    """The load limiter: seconds that may be billed in a window of so many seconds."""

    limit: float
    window: float
    #: The sandbox's --billing, and which part of a kill's time it bills.
    billing: str = "subcalls"
    billed: float = 1.0
    #: Seconds of a ban after the limit was exceeded; 0: there is none.
    ban: float = 0.0

    def bound(self, work: float) -> float:
        parts = math.ceil(work * self.billed / self.limit) - 1
        rest = work - parts * self.limit / self.billed
        return parts * self.window + rest / WORKERS

    def scaled(self, scale: float) -> "Budget":
        return replace(self, limit=self.limit * scale, window=self.window * scale, ban=self.ban * scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    #: One line for the pages.
    story: str
    kills: int
    kill_seconds: float
    kill_sigma: float = 0.0
    #: None: no bucket, as on a self-hosted portal.
    bucket: Bucket | None = None
    #: None: no load limiter, or one that is far away.
    budget: Budget | None = None
    latency: float = 0.0
    cut_seconds: float = 60.0
    #: Rates of troubles by the sandbox's names.
    faults: tuple[tuple[str, float], ...] = ()
    #: Lines of `pace` in our rules file beside those that follow from the portal.
    pace: tuple[str, ...] = ()
    #: Wall over bound of our engine: at most.
    target: float
    #: So many 503s at most; None: the scenario hands them out itself.
    most_503s: int | None = 0
    #: How long a quick run's bound is, as a part of the whole one.
    quick: float

    @property
    def requests(self) -> int:
        return math.ceil(self.kills / BATCH)

    @property
    def safe_batch(self) -> int:
        """Kills that take about half of the time until the cut, as someone who knows the portal would choose."""
        return max(1, min(BATCH, int(self.cut_seconds / 2 / self.kill_seconds)))

    @property
    def options(self) -> list[str]:
        """The sandbox's words."""
        words = ["--instances", self.kills, "--seed", SEED, "--now", NOW, "--workers", WORKERS]
        words += ["--kill-seconds", self.kill_seconds, "--kill-sigma", self.kill_sigma]
        words += ["--latency", self.latency, "--cut-seconds", self.cut_seconds]
        words += _bucket_options(self.bucket) + _budget_options(self.budget, boxed=self.bucket is None)
        words += [word for name, rate in self.faults for word in ("--fault", f"{name}={rate}")]
        return [str(word) for word in words]

    def work(self, instances: Iterable[str]) -> float:
        """Seconds that the portal needs for all of them, one after another."""
        return sum(cost(instance, mean=self.kill_seconds, sigma=self.kill_sigma, seed=SEED) for instance in instances)

    def bound(self, instances: Iterable[str]) -> float:
        work = self.work(instances)
        bounds = [self.latency + work / WORKERS]
        if self.bucket:
            bounds.append(self.bucket.bound(self.requests))
        if self.budget:
            bounds.append(self.budget.bound(work))
        return max(bounds)

    def scaled(self, scale: float) -> "Scenario":
        """One whose bound is about so many times as long. Limits that repeat themselves shrink along."""
        if self.budget:
            return replace(self, kills=round(self.kills * scale), budget=self.budget.scaled(scale))
        burst = self.bucket.size if self.bucket else 0
        return replace(self, kills=BATCH * burst + round((self.kills - BATCH * burst) * scale))


def _bucket_options(bucket: Bucket | None) -> list[object]:
    if bucket is None:
        return ["--licence", "ru_selfhosted"]
    return ["--bucket", bucket.size, "--per-second", bucket.per_second, "--neighbour", bucket.neighbour]


def _budget_options(budget: Budget | None, *, boxed: bool) -> list[object]:
    """A box bills nothing unless it is told to."""
    if budget is None:
        return ["--billing", "absent"] if boxed else []
    words: list[object] = ["--billing", budget.billing]
    words += ["--operating-limit", budget.limit, "--operating-window", budget.window]
    return words + (["--ban-seconds", budget.ban] if budget.ban else [])


#: Nothing but the portal's workers holds them back.
BOUND_BY_WORK = frozenset({"burst", "slow", "latency", "faults"})
ORDINARY = Bucket(50, 2.0)
_FAULTS = ("drop_before", "bad_gateway", "unavailable", "drop_after", "timeout_after")

SCENARIOS = (
    Scenario(
        name="burst",
        story="2,000 kills of 5 ms; no bucket, no load limiter",
        kills=2000,
        kill_seconds=0.005,
        target=1.15,
        quick=1.0,
    ),
    Scenario(
        name="rate",
        story="10,000 kills of 5 ms; a bucket of 50 requests, then 2 a second",
        kills=10_000,
        kill_seconds=0.005,
        bucket=ORDINARY,
        target=1.03,
        quick=0.2,
    ),
    Scenario(
        name="operating",
        story="2,000 kills of 40 ms; 24 s of them in any 30 s",
        kills=2000,
        kill_seconds=0.04,
        bucket=ORDINARY,
        budget=Budget(24.0, 30.0),
        target=1.05,
        quick=1 / 3,
    ),
    Scenario(
        name="ban",
        story="2,000 kills of 40 ms; `batch` is billed at half, 24 s in any 30 s; going over costs a ban of 15 s",
        kills=2000,
        kill_seconds=0.04,
        bucket=ORDINARY,
        budget=Budget(24.0, 30.0, billing="batch_half", billed=0.5, ban=15.0),
        target=1.10,
        quick=1 / 3,
    ),
    Scenario(
        name="slow",
        # 99.7 % of this distribution lie between 0.5 and 3 s.
        story="375 kills of 0.5 to 3 s; a request is cut at 6 s; no bucket, no load limiter",
        kills=375,
        kill_seconds=1.28,
        kill_sigma=0.3,
        cut_seconds=6.0,
        # The portal's times are a tenth of the real ones here, so the default of 10 s is scaled like the cut of 60 s.
        pace=("batch_seconds: 1",),
        target=1.20,
        quick=0.25,
    ),
    Scenario(
        name="latency",
        story="4,000 kills of 40 ms; 300 ms there and back; no bucket, no load limiter",
        kills=4000,
        kill_seconds=0.04,
        latency=0.3,
        target=1.05,
        quick=0.5,
    ),
    Scenario(
        name="shared",
        story="5,000 kills of 5 ms; a bucket of 50, then 2 a second, of which another client takes 1",
        kills=5000,
        kill_seconds=0.005,
        bucket=Bucket(50, 2.0, neighbour=1.0),
        target=1.25,
        most_503s=5,
        quick=0.2,
    ),
    Scenario(
        name="faults",
        story="10,000 kills of 20 ms; 5 % of the requests fail, before or after their work; no bucket, no load limiter",
        kills=10_000,
        kill_seconds=0.02,
        faults=tuple((name, 0.01) for name in _FAULTS),
        target=1.30,
        most_503s=None,
        quick=0.5,
    ),
)
