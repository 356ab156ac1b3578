"""A large purge: what the journal weighs, what a kill costs, how often the disk is waited for, what reading takes."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaling.measured import Portal, Tool, portal

RULES = """\
version: 1
limits: {{max_kill: off, max_percent: off, max_failed_percent: off}}
rules:
  - {{id: all, match: everything, action: kill, reason: "the great purge", take: {{count: {count}}}}}
"""
#: What one locks or hides is left alone, so there are some more than are taken.
SPARE = 1.04
FORMS = ("csv", "jsonl", "html")
#: Seconds, at most.
STATUS_TARGET, REPORT_TARGET = 1.0, 5.0
#: strace slows what it counts, so it counts in a smaller purge.
COUNTED_KILLS = 10_000
#: A row of its summary: share, seconds, microseconds a call, calls, perhaps errors, name.
_COUNTED = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?f(?:data)?sync$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    kills: int
    planned_bytes: int
    applied_bytes: int
    cpu: float
    peak_mib: float
    requests: int
    #: Of `status`, and of `report` in each form: seconds from start to end.
    reading: dict[str, float]
    #: fsync and fdatasync per 1,000 kills. None: there is no strace here.
    syncs: float | None


def measure(kills: int) -> Purge:
    syncs = _syncs(min(kills, COUNTED_KILLS))
    with tempfile.TemporaryDirectory() as name, portal(round(kills * SPARE)) as here:
        folder = Path(name)
        tool = _planned(folder, here, kills)
        planned, before = _size(folder), here.requests()
        cost = tool.verb("apply", "run.sqlite", "--confirm", here.host, "-o", "json")
        assert cost.document()["totals"]["killed"] == kills
        return Purge(
            kills=kills,
            planned_bytes=planned,
            applied_bytes=_size(folder),
            cpu=cost.cpu,
            peak_mib=cost.peak_mib,
            requests=here.requests() - before,
            reading=_reading(tool),
            syncs=syncs,
        )


def _planned(folder: Path, here: Portal, kills: int) -> Tool:
    (folder / "rules.yaml").write_text(RULES.format(count=kills), encoding="utf-8")
    tool = Tool(folder, here.webhook)
    cost = tool.verb("plan", "rules.yaml", "--checkpoint", "run.sqlite", "-o", "json")
    assert cost.document()["totals"]["selected"] == kills
    return tool


def _size(folder: Path) -> int:
    """With what SQLite keeps beside it."""
    return sum(file.stat().st_size for file in folder.glob("run.sqlite*"))


def _reading(tool: Tool) -> dict[str, float]:
    seconds = {"status": min(tool.verb("status", "run.sqlite").wall for _ in range(3))}
    for form in FORMS:
        words = ("report", "run.sqlite", "--format", form, "--file", f"report.{form}")
        seconds[f"report, {form}"] = tool.verb(*words).wall
    return seconds


def _syncs(kills: int) -> float | None:
    strace = shutil.which("strace")
    if strace is None:
        return None
    with tempfile.TemporaryDirectory() as name, portal(round(kills * SPARE)) as here:
        folder = Path(name)
        counts = folder / "syncs"
        watched = (strace, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(counts))
        tool = _planned(folder, here, kills)
        tool.verb("apply", "run.sqlite", "--confirm", here.host, "-o", "json", before=watched)
        return sum(map(int, _COUNTED.findall(counts.read_text(encoding="utf-8")))) * 1000 / kills


def table(purge: Purge) -> Iterator[str]:
    each = purge.applied_bytes / purge.kills
    syncs = "(no strace here)" if purge.syncs is None else f"{purge.syncs:.0f}"
    yield f"| `apply` of {purge.kills:,} | |"
    yield "| --- | ---: |"
    yield f"| requests | {purge.requests:,} |"
    yield f"| CPU s per 1,000 kills | {purge.cpu * 1000 / purge.kills:.2f} |"
    yield f"| fsyncs per 1,000 kills | {syncs} |"
    yield f"| peak MiB | {purge.peak_mib:.1f} |"
    yield f"| journal, bytes an entry when planned | {purge.planned_bytes / purge.kills:.0f} |"
    yield f"| journal, bytes an entry when ended | {each:.0f} |"
    for name, seconds in purge.reading.items():
        yield f"| `{name.split(',')[0]}`{name.removeprefix(name.split(',')[0])}: s | {seconds:.2f} |"


def misses(purge: Purge) -> Iterator[str]:
    for name, seconds in purge.reading.items():
        target = STATUS_TARGET if name == "status" else REPORT_TARGET
        if seconds > target:
            yield f"{name} of {purge.kills:,} took {seconds:.2f} s, not {target} s at most"
