"""Measures wall time over the portal's own bound, each client and scenario on a sandbox process of its own.

Scenarios and bounds are explained in scripts/benchmark/scenarios.py and notes/bench.md. Exits with 1 if our engine
misses a target. Nothing else may run on the machine meanwhile.
"""

import argparse
import sys
from statistics import median_low

from benchmark.clients import Client, Engine
from benchmark.measure import Measure, measure
from benchmark.scenarios import SCENARIOS, Scenario
from benchmark.table import HEAD, row


def main() -> int:
    chosen = _arguments()
    scenarios = [_sized(scenario, chosen) for scenario in SCENARIOS if scenario.name in (chosen.names or _NAMES)]
    print(HEAD)
    missed = []
    for scenario in scenarios:
        best = _median(_measured(scenario, Engine(), chosen.rounds))
        missed += faults(best, target=allowed(scenario, quick=chosen.quick))
    for fault in missed:
        print(fault, file=sys.stderr)
    return 1 if missed else 0


_NAMES = [scenario.name for scenario in SCENARIOS]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(_NAMES))
    parser.add_argument(
        "--quick", action="store_true", help="our engine only, on shorter scenarios, with loose targets"
    )
    parser.add_argument("--rounds", type=int, default=1, help="of our engine, whose median counts (default: 1)")
    parser.add_argument("--scale", type=float, default=1.0, help="how long a scenario is, as a part of the whole one")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(_NAMES):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}")
    return chosen


def _sized(scenario: Scenario, chosen: argparse.Namespace) -> Scenario:
    return scenario.scaled(scenario.quick if chosen.quick else chosen.scale)


def _measured(scenario: Scenario, client: Client, rounds: int) -> list[Measure]:
    """Each is printed as soon as it is there."""
    measures = []
    for _ in range(rounds):
        measures.append(measure(scenario, client))
        print(row(measures[-1]), flush=True)
    return measures


def _median(measures: list[Measure]) -> Measure:
    middle = median_low(one.wall for one in measures)
    return next(one for one in measures if one.wall == middle)


def allowed(scenario: Scenario, *, quick: bool) -> float:
    """A short run on a machine that is not quiet may lose twice as much."""
    return 1 + 2 * (scenario.target - 1) if quick else scenario.target


def faults(measured: Measure, *, target: float) -> list[str]:
    """What our engine must not do, as sentences."""
    name = measured.scenario
    found = [f"{name}: {measured.ratio:.3f} of the bound, at most {target:g} is the target"] * (measured.ratio > target)
    found += [f"{name}: {measured.left} left alive"] * (measured.left > 0)
    found += [f"{name}: {measured.repeated} repeated kills"] * (measured.repeated > 0)
    found += [f"{name}: {measured.bans} bans"] * (measured.bans > 0)
    found += [f"{name}: {measured.cuts} requests cut"] * (measured.cuts > 0)
    return found


if __name__ == "__main__":
    sys.exit(main())
