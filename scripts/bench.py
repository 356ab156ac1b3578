"""Measures wall time over the portal's own bound, each client and scenario on a sandbox process of its own.

Scenarios and bounds are explained in scripts/benchmark/scenarios.py and notes/bench.md. Exits with 1 if our engine
misses a target. Nothing else may run on the machine meanwhile. All of it takes about half an hour.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median_low

from benchmark import environment
from benchmark.clients import ENGINE, Client, peers
from benchmark.measure import Measure, measure
from benchmark.page import write
from benchmark.scenarios import SCENARIOS, Scenario
from benchmark.table import HEAD, row, table, waits

_NAMES = [scenario.name for scenario in SCENARIOS]


def main() -> int:
    chosen = _arguments()
    scenarios = [_sized(scenario, chosen) for scenario in SCENARIOS if scenario.name in (chosen.names or _NAMES)]
    others = [] if chosen.quick or chosen.alone else _peers()
    measures = _measured(scenarios, others, rounds=chosen.rounds, peer_rounds=chosen.peer_rounds)
    print(table(medians(measures)), "", waits(medians(measures)), sep="\n")
    if chosen.write:
        write(medians(measures), " ".join(["scripts/bench", *sys.argv[1:]]))
    missed = _missed(scenarios, measures, quick=chosen.quick)
    print("\n".join(missed), file=sys.stderr)
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(_NAMES))
    parser.add_argument(
        "--quick", action="store_true", help="our engine, once, on shorter scenarios with loose targets"
    )
    parser.add_argument("--write", action="store_true", help="write notes/bench.md and docs/bench.svg")
    parser.add_argument("--alone", action="store_true", help="our engine only")
    parser.add_argument("--rounds", type=int, metavar="N", help="of our engine; the median counts (default: 3)")
    parser.add_argument("--peer-rounds", type=int, metavar="N", default=1, help="of the others (default: 1)")
    parser.add_argument("--scale", type=float, metavar="X", default=1.0, help="a part of each scenario's length")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(_NAMES):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}")
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    return chosen


def _sized(scenario: Scenario, chosen: argparse.Namespace) -> Scenario:
    return scenario.scaled(scenario.quick if chosen.quick else chosen.scale)


def _peers() -> Sequence[Client]:
    environment.make()
    return peers()


def _measured(
    scenarios: Sequence[Scenario], others: Sequence[Client], *, rounds: int, peer_rounds: int
) -> list[Measure]:
    """Round by round, so that a slow hour of the machine meets all. Each is told as soon as it is there."""
    measures = []
    print(HEAD, file=sys.stderr)
    for number in range(max(rounds, peer_rounds)):
        clients = [ENGINE] * (number < rounds) + list(others) * (number < peer_rounds)
        for scenario in scenarios:
            for client in clients:
                measures.append(measure(scenario, client))
                print(row(measures[-1]), file=sys.stderr, flush=True)
    return measures


def medians(measures: Iterable[Measure]) -> list[Measure]:
    """Of each client on each scenario the run with the median wall, in the order of the scenarios."""
    groups: dict[tuple[int, str], list[Measure]] = {}
    for one in measures:
        groups.setdefault((_NAMES.index(one.scenario), one.client), []).append(one)
    return [_median(groups[key]) for key in sorted(groups, key=lambda key: key[0])]


def _median(measures: list[Measure]) -> Measure:
    middle = median_low(one.wall for one in measures)
    return next(one for one in measures if one.wall == middle)


def _missed(scenarios: Sequence[Scenario], measures: Sequence[Measure], *, quick: bool) -> list[str]:
    """The median must reach the target; what must not happen must not happen in any round."""
    ours = [one for one in measures if one.client == ENGINE.name]
    missed = []
    for scenario, middle in zip(scenarios, medians(ours), strict=True):
        target = allowed(scenario, quick=quick)
        if middle.ratio > target:
            missed.append(f"{scenario.name}: {middle.ratio:.3f} of the bound; the target is {target:g}")
        missed += [fault for one in ours if one.scenario == scenario.name for fault in _faults(one, scenario)]
    return missed


def allowed(scenario: Scenario, *, quick: bool) -> float:
    """A short run on a machine that is not quiet may take twice as long."""
    return 2 * scenario.target if quick else scenario.target


#: Of what our engine may have so much at most, by name of the measure.
_MOST = {"left": 0, "repeated": 0, "bans": 0, "cuts": 0, "exceptions": 0, "operation_limits": 1}


def _faults(measured: Measure, scenario: Scenario) -> list[str]:
    counts = asdict(measured)
    most = _MOST if scenario.most_503s is None else _MOST | {"too_many": scenario.most_503s}
    return [f"{scenario.name}: {counts[name]} {name}" for name, limit in most.items() if counts[name] > limit]


if __name__ == "__main__":
    sys.exit(main())
