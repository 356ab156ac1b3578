"""What a full run leaves in the project: notes/bench.md with its tables, and the chart of the README."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmark import scenarios
from benchmark.chart import chart
from benchmark.measure import Measure
from benchmark.scenarios import SCENARIOS, Scenario
from benchmark.table import table, waits

_ROOT = Path(__file__).parents[2]
NOTE, CHART = _ROOT / "notes" / "bench.md", _ROOT / "docs" / "bench.svg"
#: What a person wrote below this line stays.
_OWN_WORDS = "## What it shows"


def write(measures: Sequence[Measure], command: str) -> None:
    NOTE.write_text(_note(measures, command) + _kept(), encoding="utf-8")
    CHART.write_text(chart(measures), encoding="utf-8")


def _kept() -> str:
    text = NOTE.read_text(encoding="utf-8") if NOTE.exists() else ""
    return _OWN_WORDS + text.partition(_OWN_WORDS)[2] if _OWN_WORDS in text else f"{_OWN_WORDS}\n"


def _note(measures: Sequence[Measure], command: str) -> str:
    explained = (scenarios.__doc__ or "").strip().partition("\n\n")[2]
    return f"""\
# Benchmark

({datetime.now(UTC):%Y-%m-%d}) `{command}`, on {os.cpu_count()} cores ({platform.machine()}),
Python {platform.python_version()}, sandbox and client on the same machine. Each client and scenario has a
sandbox process of its own with the same population. Of several rounds of one client the one with the median wall
is shown.
`scripts/bench --quick` is what CI runs.

{table(measures)}

*503s* and *operation limits* are what the portal counted. *Cuts* are requests that the front end gave up. *Repeated
kills* are kills of what had been ended before. A client is stopped after three times the bound, and not before 20 s;
the loop after the bound, since its time is known: a request for each kill.

## Where the portal's workers wait

{waits(measures)}

## Scenarios and targets

{_scenarios(SCENARIOS)}

## The bound

{explained}

"""


def _scenarios(shown: Iterable[Scenario]) -> str:
    head = "| scenario | what it is | target, wall / bound |\n| --- | --- | --- |"
    return "\n".join([head, *(f"| {one.name} | {one.story} | {one.target:g} |" for one in shown)])
