"""Measures what `report` needs for 100,000 and for 1,000,000 entries, in every form. Exits with 1 if memory grows."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cleanup.journal import Journal, RunHead
from cleanup.model import Action, Decision, Instance, Verdict

COUNTS = (100_000, 1_000_000)
FORMS = ("csv", "json", "jsonl", "html")
#: Peak memory at the larger count over that at the smaller one, at most.
MOST_GROWTH = 1.1
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KILL = Verdict(decision=Decision.SELECTED, rule="old", action=Action.KILL, reason="forgotten")


def main() -> int:
    print("| form | entries | peak MiB | s | MB |")
    print("| --- | --- | --- | --- | --- |")
    peaks = {count: measure(count) for count in COUNTS}
    grown = {form: peaks[COUNTS[1]][form] / peaks[COUNTS[0]][form] for form in FORMS}
    print("\nPeak memory grows by " + ", ".join(f"{growth:.3f} x ({form})" for form, growth in grown.items()) + ".")
    return int(max(grown.values()) > MOST_GROWTH)


def measure(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        fill(path, count)
        return {form: export(path, form, count) for form in FORMS}


def fill(path: Path, count: int) -> None:
    head = RunHead(
        run="20261123-040000-abcd",
        portal="acme.bitrix24.ru",
        rules_file="rules.yaml",
        rules_digest="sha256:00",
        rules_source="version: 1\nrules:\n  - {id: old, match: {started: {older_than: 90d}}, action: kill}\n",
        now=NOW.isoformat(),
        created=NOW.isoformat(),
    )
    with Journal.create(path, head) as journal:
        journal.save_templates({number: f"Согласование договора {number}" for number in range(100)})
        for first in range(0, count, 20_000):
            journal.plan([(instance(number), KILL) for number in range(first, first + 20_000)], "")
        journal.finish_plan(count)


def instance(number: int) -> Instance:
    return Instance(
        id=f"{0x5FC00000 + number:08x}abcde1.{number:08d}",
        template_id=number % 100,
        module="crm",
        entity="CCrmDocumentLead",
        document_id=f"LEAD_{number}",
        started=NOW - timedelta(minutes=number),
        started_by=number % 500 + 1,
        modified=NOW - timedelta(minutes=number // 2),
    )


def export(path: Path, form: str, count: int) -> float:
    target, began = path.with_suffix(f".{form}"), time.monotonic()
    command = [sys.executable, "-m", "cleanup", "report", str(path), "--format", form, "-o", str(target)]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, form
    peak, size = usage.ru_maxrss / 1024, target.stat().st_size / 1e6
    print(f"| {form} | {count:,} | {peak:.1f} | {time.monotonic() - began:.1f} | {size:.1f} |", flush=True)
    target.unlink()
    return peak


if __name__ == "__main__":
    sys.exit(main())
