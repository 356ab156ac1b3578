"""Rounds of torture (tests/torture.py), each ended by an apply to completion and the invariants of tests/invariants.py.

Prints a markdown table by misfortune. Exits with 1 if anything is violated. A round is repeated by its number.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.torture import Round, round_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one, which is its seed")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at once")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(options.jobs) as pool:
        numbers = range(options.first, options.first + options.rounds)
        rounds = list(_told(pool.map(round_of, numbers, [Path(folder) / str(number) for number in numbers])))
    print("\n".join(_table(rounds)))
    violated = sum(bool(one.violations) for one in rounds)
    print(
        f"\n{len(rounds)} rounds, {violated} with a violation; {sum(one.commands for one in rounds):,} commands, "
        f"{sum(one.killed for one in rounds):,} killed -9, {sum(one.ended for one in rounds):,} instances ended, "
        f"{time.monotonic() - began:.0f} s."
    )
    return int(violated > 0)


def _told(rounds: Iterable[Round]) -> Iterator[Round]:
    for one in rounds:
        print(f"{one.number} {one.misfortune}: {'; '.join(one.violations) or 'ok'}", file=sys.stderr, flush=True)
        yield one


def _table(rounds: list[Round]) -> Iterator[str]:
    yield "| misfortune | rounds | violations | killed -9 | exit codes of the others |"
    yield "| --- | --- | --- | --- | --- |"
    for name in dict.fromkeys(one.misfortune for one in rounds):
        these = [one for one in rounds if one.misfortune == name]
        codes = sum((one.codes for one in these), Counter[int]())
        shown = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()) if code >= 0)
        violations = sum(len(one.violations) for one in these)
        yield f"| {name} | {len(these)} | {violations} | {sum(one.killed for one in these)} | {shown} |"


if __name__ == "__main__":
    sys.exit(main())
