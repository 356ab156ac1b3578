"""Plans of more and more instances: requests, processor time and peak memory, and whether each grows as it may."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scaling.measured import Tool, portal

#: It needs the whole listing, and has what people's files have: protect, keep, both actions, a bounded batch.
RULES = """\
version: 1
limits: {max_kill: off, max_percent: off}
protect:
  - {id: recent, match: {started: {newer_than: 7d}}}
rules:
  - {id: boss, match: {started_by: 1}, action: keep}
  - {id: hung, match: {stuck: {longer_than: 2h}}, action: terminate}
  - {id: old, match: {document_type: lead, started: {older_than: 90d}}, action: kill, take: {count: 1000}}
"""
#: In one request come 50 pages of 50; the rest are the probe, the templates, the look behind the end and the counts.
ROWS_A_REQUEST, MOST_REQUESTS_BESIDE = 2500, 20
#: Peak memory over that of the size before, and MiB, at most.
MOST_GROWTH, MOST_MIB = 1.2, 200.0
#: A cost may grow by as much as the instances do, and this for what the machine does beside.
NOISE = 1.25
#: Below this a start is most of the cost, so that a ratio tells nothing of the growth.
SMALLEST_TOLD = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    instances: int
    requests: int
    #: Seconds.
    cpu: float
    peak_mib: float
    #: Peaks of `plan --record all` and of `inventory`. None: not measured.
    copied_mib: float | None
    inventory_mib: float | None
    portal_seconds: float
    portal_mib: float

    @property
    def cpu_ms_per_thousand(self) -> float:
        return self.cpu * 1e6 / self.instances


def measure(instances: int, *, only_plan: bool = False) -> Plan:
    """In a sandbox of its own. `only_plan`: without `--record all` and `inventory`, which take twice as long again."""
    with tempfile.TemporaryDirectory() as folder, portal(instances) as here:
        (Path(folder) / "rules.yaml").write_text(RULES, encoding="utf-8")
        tool, before = Tool(Path(folder), here.webhook), here.requests()
        cost = tool.verb("plan", "rules.yaml", "-o", "json")
        requests, listed = here.requests() - before, cost.document()["totals"]["listed"]
        assert listed == instances, f"{listed} of {instances} listed"
        copied = None if only_plan else tool.verb("plan", "rules.yaml", "--record", "all", "-o", "json").peak_mib
        inventory = None if only_plan else tool.verb("inventory", "-o", "json").peak_mib
        return Plan(
            instances=instances,
            requests=requests,
            cpu=cost.cpu,
            peak_mib=cost.peak_mib,
            copied_mib=copied,
            inventory_mib=inventory,
            portal_seconds=here.seconds,
            portal_mib=here.peak_mib(),
        )


def table(plans: Sequence[Plan]) -> Iterator[str]:
    yield "| instances | requests | CPU s | CPU ms per 1,000 | peak MiB | with `--record all` | `inventory` |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for plan in plans:
        yield (
            f"| {plan.instances:,} | {plan.requests} | {plan.cpu:.2f} | {plan.cpu_ms_per_thousand:.1f} "
            f"| {plan.peak_mib:.1f} | {_told(plan.copied_mib)} | {_told(plan.inventory_mib)} |"
        )


def _told(mib: float | None) -> str:
    return "–" if mib is None else f"{mib:.1f}"


def growth(plans: Sequence[Plan]) -> Iterator[str]:
    """By how much each cost grew from one size to the next."""
    yield "| from | to | instances | requests | CPU | peak memory |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for small, large in pairwise(plans):
        yield (
            f"| {small.instances:,} | {large.instances:,} | {large.instances / small.instances:.0f} x "
            f"| {large.requests / small.requests:.2f} x | {large.cpu / small.cpu:.2f} x "
            f"| {large.peak_mib / small.peak_mib:.2f} x |"
        )


def misses(plans: Sequence[Plan]) -> Iterator[str]:
    """The targets that were missed, each as a sentence."""
    for plan in plans:
        most = -(-plan.instances // ROWS_A_REQUEST) + MOST_REQUESTS_BESIDE
        if plan.requests > most:
            yield f"a plan of {plan.instances:,} took {plan.requests} requests, not {most} at most"
        if max(plan.peak_mib, plan.copied_mib or 0, plan.inventory_mib or 0) > MOST_MIB:
            yield f"a plan or inventory of {plan.instances:,} took more than {MOST_MIB:.0f} MiB"
    for small, large in pairwise(plans):
        if small.instances >= SMALLEST_TOLD:
            yield from _grown_too_much(small, large)


def _grown_too_much(small: Plan, large: Plan) -> Iterator[str]:
    sizes = f"from {small.instances:,} to {large.instances:,}"
    peaks = {
        "plan": (small.peak_mib, large.peak_mib),
        "plan --record all": (small.copied_mib, large.copied_mib),
        "inventory": (small.inventory_mib, large.inventory_mib),
    }
    for verb, (before, after) in peaks.items():
        if before is not None and after is not None and after > MOST_GROWTH * before:
            yield f"the peak memory of {verb} grew {after / before:.2f} x {sizes}, not {MOST_GROWTH} x at most"
    if large.cpu / small.cpu > NOISE * large.instances / small.instances:
        yield f"CPU grew faster than the instances {sizes}"
