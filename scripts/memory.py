"""Measures what `plan` and `inventory` need for 20,000 and for 100,000 instances: requests, peak memory, seconds.

The rules select the same number of both, and need the whole listing. Exits with 1 if a target is missed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

RULES = """\
version: 1
limits: {max_kill: off, max_percent: off}
rules:
  - {id: some, match: {document_type: lead}, action: kill, take: {count: 1000}}
"""
POPULATIONS = (20_000, 100_000)
#: What is measured, and its words.
VERBS = {
    "plan": ["plan", "rules.yaml"],
    "plan --record all": ["plan", "rules.yaml", "--record", "all"],
    "inventory": ["inventory"],
}
MOST_REQUESTS = 60
#: Peak memory at the larger population over that at the smaller one, at most.
MOST_GROWTH = 1.1


@dataclass(frozen=True, slots=True)
class Need:
    requests: int
    peak_mib: float
    seconds: float
    listed: int


def main() -> int:
    print("| verb | instances | requests | peak MiB | s |")
    print("| --- | --- | --- | --- | --- |")
    status = 0
    needs = {population: measure(population) for population in POPULATIONS}
    for verb in VERBS:
        small, large = (needs[population][verb] for population in POPULATIONS)
        print(f"\nPeak memory of {verb} grows by {large.peak_mib / small.peak_mib:.3f} x.")
        whole = (small.listed, large.listed) == POPULATIONS
        if not whole or large.peak_mib / small.peak_mib > MOST_GROWTH or large.requests > MOST_REQUESTS:
            status = 1
    return status


def measure(population: int) -> dict[str, Need]:
    with tempfile.TemporaryDirectory() as folder:
        portal = subprocess.Popen(
            [sys.executable, "-m", "cleanup.sandbox", "--port", "0", "--instances", str(population)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert portal.stdout is not None
            webhook = portal.stdout.readline().strip()
            needs = {verb: _need(Path(folder), webhook, verb) for verb in VERBS}
        finally:
            portal.terminate()
            portal.wait(timeout=30)
    for verb, need in needs.items():
        print(f"| {verb} | {population:,} | {need.requests} | {need.peak_mib:.1f} | {need.seconds:.1f} |", flush=True)
    return needs


def _need(folder: Path, webhook: str, verb: str) -> Need:
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(folder / "state")}
    command = [sys.executable, "-m", "cleanup", *VERBS[verb], "-o", "json"]
    before, began = _requests(webhook), time.monotonic()
    with (folder / "out.json").open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
    seconds, document = time.monotonic() - began, json.loads((folder / "out.json").read_text(encoding="utf-8"))
    listed = document["instances"] if verb == "inventory" else document["totals"]["listed"]
    return Need(_requests(webhook) - before, usage.ru_maxrss / 1024, seconds, listed)


def _requests(webhook: str) -> int:
    with urlopen(f"http://{webhook.split('/')[2]}/sandbox/ledger", timeout=30) as answer:
        return int(json.load(answer)["requests"]["total"])


if __name__ == "__main__":
    sys.exit(main())
