"""Who ends the instances, what each does before the clock runs, and what it tells afterwards."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Protocol

from benchmark.scenarios import Scenario
from benchmark.stage import Stage


@dataclass(frozen=True, slots=True)
class Told:
    """What a client says about its own run."""

    #: Seconds of the ending alone: without the interpreter's start, and without the listing.
    wall: float
    exceptions: int


class Client(Protocol):
    name: str
    #: It refuses plain http.
    tls: bool
    #: It is stopped after so many times the bound.
    patience: float

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
