"""Measures how costs grow with a portal's instances, and how long a start takes. Exits with 1 if a target is missed.

Each size has a sandbox process of its own; processor time and memory are what the system says of the tool's process.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from scaling import plans, purge, starts
from scaling.chart import Panel, draw
from scaling.plans import Plan

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (20_000, 100_000)
KILLS = 100_000
NOTES = Path(__file__).parent.parent / "notes"
#: What a profile of `plan` named, and what became of it.
MENDED = (
    "`py-spy record` at 200,000 instances named four things, and mending them saved a third of the CPU time:",
    "reading a row (an object with methods for each; now plain functions), the time in every ID (now in the last",
    "one of a stretch, since IDs ascend), the portal's clock for every row (now for every stretch, which sees no",
    "lock less), and tests behind an item of `all` or `any` that had decided already.",
)
CAPTION = "What a plan costs: CPU seconds, peak memory, requests. Dashed: as the number of instances."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only plans, of 20,000 and of 100,000 instances")
    parser.add_argument("--write", action="store_true", help="renew notes/scale.md and notes/scale.svg")
    parser.add_argument("--rounds", type=int, default=15, help="how often each process is started")
    options = parser.parse_args()
    missed: list[str] = []
    told = list(
        _told(quick_sections(missed) if options.quick else sections(missed, options.rounds, write=options.write))
    )
    told += ["", *(f"Missed: {miss}." for miss in missed)]
    print("\n".join(told[-len(missed) :]) if missed else "Nothing missed its target.")
    if options.write and not options.quick:
        (NOTES / "scale.md").write_text("\n".join([*_head(), *told, ""]), encoding="utf-8")
    return int(bool(missed))


def _told(lines: Iterable[str]) -> Iterator[str]:
    """Shows each line as soon as it is there."""
    for line in lines:
        print(line, flush=True)
        yield line


def quick_sections(missed: list[str]) -> Iterator[str]:
    measured = [plans.measure(size, only_plan=True) for size in QUICK_SIZES]
    missed += plans.misses(measured)
    yield from plans.table(measured)
    yield ""
    yield from plans.growth(measured)


def sections(missed: list[str], rounds: int, *, write: bool) -> Iterator[str]:
    yield from ("## Plans", "")
    yield from _plans(missed, write=write)
    yield from ("", "## A large purge", "")
    done = purge.measure(KILLS)
    missed += purge.misses(done)
    yield from purge.table(done)
    yield from ("", "## Starts", "", f"Median of {rounds} rounds.", "")
    medians = starts.measure(rounds)
    missed += starts.misses(medians)
    yield from starts.table(medians)
    yield ""


def _plans(missed: list[str], *, write: bool) -> Iterator[str]:
    measured = [plans.measure(size, only_plan=size == SIZES[-1]) for size in SIZES]
    missed += plans.misses(measured)
    if write:
        (NOTES / "scale.svg").write_text(draw(panels(measured), CAPTION), encoding="utf-8")
        yield from (f"![{CAPTION}](scale.svg)", "")
    yield from plans.table(measured)
    yield ""
    yield from plans.growth(measured)
    largest = measured[-1]
    started = f"{largest.portal_seconds:.1f} s and needed {largest.portal_mib:.0f} MiB"
    yield from ("", f"The sandbox of {largest.instances:,} started in {started}.")
    yield from ("", *MENDED)


def panels(measured: Iterable[Plan]) -> list[Panel]:
    found = list(measured)
    return [
        Panel("CPU seconds", [(plan.instances, plan.cpu, f"{plan.cpu:.3g}") for plan in found]),
        Panel("Peak memory, MiB", [(plan.instances, plan.peak_mib, f"{plan.peak_mib:.0f}") for plan in found]),
        Panel("Requests", [(plan.instances, plan.requests, str(plan.requests)) for plan in found]),
    ]


def _head() -> Iterator[str]:
    yield from ("# How costs grow", "", "Written by `scripts/scale --write`; edit `scripts/scale.py` instead.")
    yield f"{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores shared with others."
    yield "CPU is user and system time of the tool's own process, memory its peak (`os.wait4`): the sandbox is another"
    yield "process, without request bucket and load limiter, so that nothing is waited for."
    yield ""


if __name__ == "__main__":
    sys.exit(main())
