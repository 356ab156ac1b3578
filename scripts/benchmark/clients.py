"""Who ends the instances, what each does before the clock runs, and what it tells afterwards."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmark import environment
from benchmark.scenarios import Scenario
from benchmark.stage import CERTIFICATE, Stage


@dataclass(frozen=True, slots=True)
class Told:
    """What a client says about its own run."""

    #: Seconds of the ending alone: without the interpreter's start, and without the listing.
    wall: float
    exceptions: int


class Client(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def tls(self) -> bool:
        """Whether it refuses plain http."""

    @property
    def patience(self) -> float:
        """It is stopped after so many times the bound."""

    def prepare(self, stage: Stage) -> None:
        """Whatever comes before the first kill."""

    def command(self, stage: Stage) -> list[str]: ...

    def environment(self, stage: Stage) -> dict[str, str]: ...

    def told(self, stage: Stage, stdout: str, code: int) -> Told: ...


class Engine:
    """plan, a rest until the bucket is empty again, apply. Only apply is measured, its own look-ups included."""

    name = "b24-cleanup"
    tls = False
    patience = 3.0

    def prepare(self, stage: Stage) -> None:
        (stage.folder / "rules.yaml").write_text(rules(stage.scenario), encoding="utf-8")
        before = stage.ledger()["requests"]["total"]
        words = [*_TOOL, "plan", "rules.yaml", "--include-locked", "-o", "json"]
        planned = subprocess.run(
            words, env=self.environment(stage), cwd=stage.folder, stdout=subprocess.PIPE, check=True
        )
        (stage.folder / "plan.json").write_bytes(planned.stdout)
        if bucket := stage.scenario.bucket:
            requests = stage.ledger()["requests"]["total"] - before
            time.sleep((requests + 1) / (bucket.per_second - bucket.neighbour))

    def command(self, stage: Stage) -> list[str]:
        return [*_TOOL, "apply", "last", "--confirm", stage.host, "-o", "json"]

    def environment(self, stage: Stage) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
        return kept | {"B24_WEBHOOK_URL": stage.webhook, "B24_CLEANUP_STATE_DIR": str(stage.folder / "state")}

    def told(self, stage: Stage, stdout: str, code: int) -> Told:
        planned = json.loads((stage.folder / "plan.json").read_text(encoding="utf-8"))
        wall = json.loads(stdout)["seconds"]["wall"] - planned["seconds"]["wall"]
        return Told(wall, exceptions=int(code != 0))


ENGINE = Engine()
_TOOL = [sys.executable, "-m", "cleanup"]


def rules(scenario: Scenario) -> str:
    """What an administrator who knows this portal would write."""
    pace = list(scenario.pace)
    if scenario.budget:
        pace.append(f"operating_limit: {scenario.budget.limit:g}")
    return f"""\
version: 1
limits: {{max_kill: off, max_percent: off}}
pace: {{{", ".join(pace)}}}
rules:
  - {{id: all, match: everything, action: kill}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another client, as a script in its own environment. It has the ids in hand, so all of its time is for ending."""

    name: str
    script: str
    tls: bool = False
    patience: float = 3.0

    def prepare(self, stage: Stage) -> None:
        bucket, budget = stage.scenario.bucket, stage.scenario.budget
        task = {
            "ids": stage.instances(),
            "burst": bucket.size if bucket else None,
            "per_second": bucket.per_second if bucket else None,
            "batch": stage.scenario.safe_batch,
            "operating_limit": budget.limit if budget else None,
        }
        (stage.folder / "task.json").write_text(json.dumps(task), encoding="utf-8")

    def command(self, _stage: Stage) -> list[str]:
        return [str(environment.PYTHON), str(Path(__file__).with_name("peers") / self.script)]

    def environment(self, stage: Stage) -> dict[str, str]:
        trust = {"REQUESTS_CA_BUNDLE": str(CERTIFICATE)} if self.tls else {}
        return dict(os.environ) | {"B24_WEBHOOK_URL": stage.webhook} | trust

    def told(self, _stage: Stage, stdout: str, _code: int) -> Told:
        return Told(**json.loads(stdout))


def peers() -> list[Client]:
    return [
        Peer(name=f"fast_bitrix24 {environment.version('fast-bitrix24')}", script="with_fast_bitrix24.py"),
        Peer(name=f"b24pysdk {environment.version('b24pysdk')}", script="with_b24pysdk.py", tls=True),
        # Its time is known beforehand, a request for each kill, so it gets no longer than the bound itself.
        Peer(name="one by one", script="with_a_loop.py", patience=1.0),
    ]
