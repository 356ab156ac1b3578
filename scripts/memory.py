"""Measures what `plan` needs for a portal of 20,000 and one of 100,000 instances: requests, peak memory, seconds.

The rules select the same number of both, and need the whole listing. Exits with 1 if a target is missed.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

RULES = """\
version: 1
limits: {max_kill: off, max_percent: off}
rules:
  - {id: some, match: {document_type: lead}, action: kill, take: {count: 1000}}
"""
POPULATIONS = (20_000, 100_000)
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
    print("| instances | requests | peak MiB | s |")
    print("| --- | --- | --- | --- |")
    needs = [measure(population) for population in POPULATIONS]
    growth = needs[-1].peak_mib / needs[0].peak_mib
    print(f"\nPeak memory grows by {growth:.3f} x.")
    good = all(need.listed == population for need, population in zip(needs, POPULATIONS, strict=True))
    return 0 if good and growth <= MOST_GROWTH and needs[-1].requests <= MOST_REQUESTS else 1


def measure(population: int) -> Need:
    with tempfile.TemporaryDirectory() as folder:
        portal = subprocess.Popen(
            [sys.executable, "-m", "cleanup.sandbox", "--port", "0", "--instances", str(population)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert portal.stdout is not None
            need = _plan(Path(folder), portal.stdout.readline().strip())
        finally:
            portal.terminate()
            portal.wait(timeout=30)
    print(f"| {population:,} | {need.requests} | {need.peak_mib:.1f} | {need.seconds:.1f} |", flush=True)
    return need


def _plan(folder: Path, webhook: str) -> Need:
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    environment = os.environ | {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(folder / "state")}
    command = [sys.executable, "-m", "cleanup", "plan", "rules.yaml", "-o", "json"]
    with (folder / "plan.json").open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
    document = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return Need(
        requests=document["requests"]["sent"],
        peak_mib=usage.ru_maxrss / 1024,
        seconds=document["seconds"]["wall"],
        listed=document["totals"]["listed"],
    )


if __name__ == "__main__":
    sys.exit(main())
