"""The table of measures, as markdown."""

from collections.abc import Iterable

from benchmark.measure import Measure
from benchmark.scenarios import BOUND_BY_WORK

_COLUMNS = (
    "scenario",
    "client",
    "wall s",
    "bound s",
    "wall / bound",
    "ended",
    "left alive",
    "503s",
    "operation limits",
    "bans",
    "cuts",
    "repeated kills",
    "exceptions",
    "CPU s",
    "peak MiB",
)
HEAD = f"| {' | '.join(_COLUMNS)} |\n|{' --- |' * len(_COLUMNS)}"


def table(measures: Iterable[Measure]) -> str:
    return "\n".join([HEAD, *map(row, measures)])


def row(measure: Measure) -> str:
    cells = [
        measure.scenario,
        measure.client,
        f"{measure.wall:.2f}",
        f"{measure.bound:.2f}",
        verdict(measure),
        f"{measure.ended:,}",
        f"{measure.left:,}",
        *map(str, (measure.too_many, measure.operation_limits, measure.bans, measure.cuts, measure.repeated)),
        str(measure.exceptions),
        f"{measure.cpu:.2f}",
        f"{measure.peak_mib:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def waits(measures: Iterable[Measure]) -> str:
    """Of those that nothing holds back but the portal's workers: seconds in which one of them had nothing to do."""
    shown = [one for one in measures if one.scenario in BOUND_BY_WORK and one.idle and not one.left]
    names = [part.name for part in shown[0].idle] if shown else []
    head = ["scenario", "client", "wall s", "worked s", *names]
    rows = [[one.scenario, one.client, f"{one.wall:.2f}", *_waits(one)] for one in shown]
    lines = [head, ["---"] * 3 + ["---:"] * (len(head) - 3), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _waits(measure: Measure) -> list[str]:
    worked = sum(part.seconds - part.idle for part in measure.idle)
    return [f"{worked:.3f}", *(f"{part.idle:.3f} of {part.seconds:.3f}" for part in measure.idle)]


def verdict(measure: Measure) -> str:
    """Wall over bound of who has ended all; else what stopped it."""
    if measure.stopped:
        return f"stopped after {measure.ratio:.1f}, {measure.left:,} left alive"
    if measure.exceptions and measure.left:
        return f"dies at {measure.ratio:.2f}, {measure.left:,} left alive"
    if measure.left:
        return f"{measure.ratio:.2f}, {measure.left:,} left alive"
    return f"{measure.ratio:.3f}"
