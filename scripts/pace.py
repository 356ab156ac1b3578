"""Measures apply against the bound that the portal's limits set, each scenario on a sandbox process of its own.

Prints wall seconds, the bound, their ratio, and what the portal's ledger says. Exits with 1 if a target is missed.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

RULES = """\
version: 1
limits: {{max_kill: off, max_percent: off}}
pace: {{operating_limit: {operating_limit}}}
rules:
  - {{id: all, match: everything, action: kill}}
"""
#: Wall over bound, at most.
TARGET = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    kills: int
    kill_seconds: float
    #: Options of the sandbox beside these.
    options: tuple[str, ...]
    operating_limit: float = 480.0
    #: Seconds until the portal gives operating time back.
    window: float = 600.0
    #: Seconds of rest between plan and apply, so that the bucket is empty.
    rest: float = 0.0
    #: Run only when it is named.
    extra: bool = False


SCENARIOS = (
    Scenario(
        name="burst",
        kills=2000,
        kill_seconds=0.005,
        options=("--workers", "8", "--licence", "ru_selfhosted"),
    ),
    Scenario(
        name="bucket",
        kills=4000,
        kill_seconds=0.005,
        options=("--workers", "8"),
        rest=6.0,
    ),
    Scenario(
        name="operating",
        kills=2000,
        kill_seconds=0.04,
        options=("--workers", "8", "--operating-limit", "24", "--operating-window", "30"),
        operating_limit=24.0,
        window=30.0,
        rest=6.0,
    ),
    Scenario(
        name="operating-third",
        kills=700,
        kill_seconds=0.04,
        options=("--workers", "8", "--operating-limit", "8", "--operating-window", "10"),
        operating_limit=8.0,
        window=10.0,
        rest=6.0,
        extra=True,
    ),
)


USUAL = frozenset(scenario.name for scenario in SCENARIOS if not scenario.extra)


def bound(scenario: Scenario, requests: int) -> float:
    """The least time that the limits allow.

    burst: the portal's 8 workers do nothing but kill. bucket: 50 requests go at once, then 2 a second. operating:
    24 s of work in every 30 s; the last part is done by 8 workers. operating-third: the same with a third of each.
    """
    work = scenario.kills * scenario.kill_seconds
    if scenario.name == "burst":
        return work / 8
    if scenario.name == "bucket":
        return (requests - 50) / 2
    windows = math.ceil(work / scenario.operating_limit) - 1
    return windows * scenario.window + (work - windows * scenario.operating_limit) / 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="NAME", help=", ".join(s.name for s in SCENARIOS))
    chosen = set(parser.parse_args().scenarios)
    print("| scenario | wall s | bound s | wall / bound | requests | ended | twice | 503 | operation limits |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    return max(measure(scenario) for scenario in SCENARIOS if scenario.name in (chosen or USUAL))


def measure(scenario: Scenario) -> int:
    with tempfile.TemporaryDirectory() as folder:
        words = ("--port", "0", "--instances", str(scenario.kills), "--kill-seconds", str(scenario.kill_seconds))
        portal = subprocess.Popen(
            [sys.executable, "-m", "cleanup.sandbox", *words, *scenario.options], stdout=subprocess.PIPE, text=True
        )
        try:
            assert portal.stdout is not None
            return _measure(scenario, Path(folder), portal.stdout.readline().strip())
        finally:
            portal.terminate()
            portal.wait(timeout=30)


def _measure(scenario: Scenario, folder: Path, webhook: str) -> int:
    host = webhook.split("/")[2]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(folder / "state")}
    (folder / "rules.yaml").write_text(RULES.format(operating_limit=scenario.operating_limit), encoding="utf-8")

    def tool(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "cleanup", *words, "-o", "json"]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
        sys.stderr.write(done.stderr.decode())
        return dict(json.loads(done.stdout))

    before = tool("plan", "rules.yaml", "--include-locked")
    time.sleep(scenario.rest)
    after = tool("apply", "last", "--confirm", host)
    with urlopen(f"http://{host}/sandbox/ledger", timeout=30) as answer:
        ledger = json.load(answer)
    wall = after["seconds"]["wall"] - before["seconds"]["wall"]
    requests = after["requests"]["sent"] - before["requests"]["sent"]
    least = bound(scenario, requests)
    refused = ledger["requests"].get("query_limit", 0)
    limited = after["requests"]["operation_limit"]
    print(
        f"| {scenario.name} | {wall:.2f} | {least:.2f} | {wall / least:.3f} | {requests} | {ledger['kills_effective']} "
        f"| {ledger['kills_repeated']} | {refused} | {limited} |",
        flush=True,
    )
    good = wall / least <= TARGET and ledger["kills_effective"] == scenario.kills
    return 0 if good and not refused and limited <= 1 and not ledger["kills_repeated"] else 1


if __name__ == "__main__":
    sys.exit(main())
