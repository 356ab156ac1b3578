"""Measures whole processes: `--help`, `validate` of a file of 200 rules, and `status`, beside `python -c pass`.

The processes run in turns, so that a busy moment of the machine meets all of them.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cleanup.journal import Journal, RunHead

RULES = 200
EMPTY = "python -c pass"


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    words: tuple[str, ...]
    #: Seconds, at most, as a median. None: it is what the others are compared to.
    target: float | None


SUBJECTS = (
    Subject(EMPTY, ("-c", "pass"), None),
    Subject("--help", ("-m", "cleanup", "--help"), 0.3),
    Subject(f"validate of {RULES} rules", ("-m", "cleanup", "validate", "rules.yaml"), 0.5),
    Subject("status", ("-m", "cleanup", "status", "run.sqlite"), 0.5),
)


def measure(rounds: int) -> dict[str, float]:
    """The median of each, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        return _medians(Path(name), rounds)


def table(medians: Mapping[str, float]) -> Iterator[str]:
    yield f"| whole process | median s | of `{EMPTY}` | target s |"
    yield "| --- | ---: | ---: | ---: |"
    for subject in SUBJECTS:
        ratio, target = medians[subject.name] / medians[EMPTY], subject.target or ""
        yield f"| `{subject.name}` | {medians[subject.name]:.3f} | {ratio:.1f} x | {target} |"


def misses(medians: Mapping[str, float]) -> Iterator[str]:
    for subject in SUBJECTS:
        if subject.target and medians[subject.name] > subject.target:
            yield f"{subject.name} took {medians[subject.name]:.3f} s, not {subject.target} s at most"


def prepare(folder: Path) -> None:
    (folder / "rules.yaml").write_text(rules_text(RULES), encoding="utf-8")
    head = RunHead(
        run="measured",
        portal="acme.bitrix24.ru",
        rules_file="rules.yaml",
        rules_digest="sha256:0",
        rules_source=rules_text(1),
        now="2026-11-23T03:00:00+00:00",
        created="2026-11-23T03:00:00+00:00",
        include_locked="",
    )
    Journal.create(folder / "run.sqlite", head).close()


def rules_text(count: int) -> str:
    """Rules of the forms that people write, none shadowed by another."""
    rules = "".join(_rule(number) for number in range(1, count + 1))
    protect = "protect:\n  - {id: recent, match: {started: {newer_than: 1d}}}\n"
    return f"version: 1\ntimezone: Europe/Moscow\n{protect}rules:\n{rules}"


def _rule(number: int) -> str:
    return f"""\
  - id: rule-{number}
    match:
      template_id: [{number}, {number + 10_000}]
      document_type: [lead, deal, dynamic_{127 + number}]
      started: {{older_than: {30 + number % 90}d}}
      any:
        - {{modified: {{older_than: 30d}}}}
        - not: {{started_by: [{number}, 7]}}
          stuck: {{longer_than: 2h}}
    action: {("kill", "terminate", "keep")[number % 3]}
"""


def _medians(folder: Path, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {subject.name: [] for subject in SUBJECTS}
    for _ in range(rounds + 1):
        for subject in SUBJECTS:
            seconds[subject.name].append(_seconds(subject, folder))
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}  # the first one warms the caches


def _seconds(subject: Subject, folder: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {"B24_CLEANUP_STATE_DIR": str(folder / "state")}
    began = time.perf_counter()
    subprocess.run([sys.executable, *subject.words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
