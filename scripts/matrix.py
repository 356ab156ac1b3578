"""Every trouble alone and all together, on 3 generations of the portal under 5 billings: are all invariants kept?

Prints a markdown table, one row a trouble, one column a kind of portal, and writes it to notes/matrix.md with --write.
With --slowdown: a purge of 2,000 with and without faults, side by side. Exits with 1 if anything is violated.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

import structlog

from cleanup.sandbox import Billing, Fault, Generation
from tests.harness import EVERYTHING
from tests.matrix import TROUBLES, Cell, Trouble, Verdict, judge

NOTE = Path("notes/matrix.md")
#: Time with faults over time without, at most.
TARGET = 1.5
RATE = 0.1
_KINDS = [(generation, billing) for billing in Billing for generation in Generation]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("troubles", nargs="*", metavar="NAME", help=", ".join(one.name for one in TROUBLES))
    parser.add_argument("--seed", type=int, default=0, help="another one gives other populations and faults")
    parser.add_argument("--jobs", type=int, default=4, help="cells at once")
    parser.add_argument("--write", action="store_true", help=f"write the table to {NOTE}")
    parser.add_argument("--slowdown", action="store_true", help="measure a purge of 2,000 at a fault rate of 10 %%")
    options = parser.parse_args()
    if options.slowdown:
        return slowdown()
    chosen = [one for one in TROUBLES if not options.troubles or one.name in options.troubles]
    began = time.monotonic()
    cells = [Cell(trouble=t, generation=g, billing=b, seed=options.seed) for t in chosen for g, b in _KINDS]
    with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
        verdicts = dict(zip(map(str, cells), _told(cells, pool.map(_judge, cells)), strict=True))
    shown = "\n".join([*table(chosen, verdicts), "", _figures(verdicts, time.monotonic() - began)])
    print(shown)
    if options.write:
        _write(shown)
    return int(any(verdict.violated for verdict in verdicts.values()))


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _judge(cell: Cell) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        return judge(cell, Path(folder))


def _told(cells: Iterable[Cell], verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Says what goes wrong as soon as it is known."""
    for cell, verdict in zip(cells, verdicts, strict=True):
        print(f"{cell}: {verdict} ({verdict.seconds:.1f} s)", file=sys.stderr, flush=True)
        for name, told in verdict.violated.items():
            print(f"  {name}: {len(told)}, such as {told[0]}", file=sys.stderr, flush=True)
        yield verdict


def table(chosen: Iterable[Trouble], verdicts: Mapping[str, Verdict]) -> Iterator[str]:
    yield "| trouble | " + " | ".join(f"{generation} {billing}" for generation, billing in _KINDS) + " |"
    yield "| --- " * (len(_KINDS) + 1) + "|"
    for trouble in chosen:
        cells = [Cell(trouble=trouble, generation=generation, billing=billing) for generation, billing in _KINDS]
        yield f"| {trouble.name} | " + " | ".join(str(verdicts[str(cell)]) for cell in cells) + " |"


def _figures(verdicts: Mapping[str, Verdict], seconds: float) -> str:
    all_of = list(verdicts.values())
    good = sum(not verdict.violated for verdict in all_of)
    return (
        f"{good:,} of {len(all_of):,} cells without a violation; {sum(v.requests for v in all_of):,} requests, "
        f"{sum(v.ended for v in all_of):,} instances ended, {sum(v.stops for v in all_of):,} stops resumed, "
        f"{seconds:.0f} s."
    )


def _write(shown: str) -> None:
    """Replaces what stands behind the last heading."""
    before = NOTE.read_text(encoding="utf-8").partition("\n## The table\n")[0]
    command = f"`scripts/{' '.join([Path(sys.argv[0]).stem, *sys.argv[1:]])}`"
    told = f"{before.rstrip()}\n\n## The table\n\n{command}, {datetime.now(UTC):%Y-%m-%d}.\n\n{shown}\n"
    NOTE.write_text(told, encoding="utf-8")


def slowdown() -> int:
    """One run without and three with: 50 ms a kill, 8 workers, a bucket of 50 and 2 a second, as the sandbox has it."""
    each = RATE / len(Fault)
    faults = [word for fault in Fault for word in ("--fault", f"{fault}={each:.5f}")]
    print("| faults | wall s | requests | ended | twice | faults met |")
    print("| --- | --- | --- | --- | --- | --- |")
    calm = _purge("none", [])
    seeds = [["--fault-seed", str(seed), *faults] for seed in (1, 2, 3)]
    hostile = mean(_purge(f"{RATE:.0%}, {len(Fault)} kinds, seed {words[1]}", words) for words in seeds)
    print(f"\nWith faults {hostile / calm:.2f} times the time without, on average; at most {TARGET}.")
    return int(hostile > TARGET * calm)


def _purge(name: str, words: list[str]) -> float:
    options = ["--port", "0", "--instances", "2000", "--slow-seconds", "5", *words]
    portal = subprocess.Popen([sys.executable, "-m", "cleanup.sandbox", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert portal.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            return _measured(name, portal.stdout.readline().strip(), Path(folder))
    finally:
        portal.terminate()
        portal.wait(timeout=30)


def _measured(name: str, webhook: str, folder: Path) -> float:
    from urllib.request import urlopen

    host = webhook.split("/")[2]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(folder / "state")}
    (folder / "rules.yaml").write_text(EVERYTHING, encoding="utf-8")

    def tool(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "cleanup", *words, "-o", "json"]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return dict(json.loads(done.stdout))

    before = tool("plan", "rules.yaml", "--include-locked")
    time.sleep(6.0)  # so that the bucket is empty
    after = tool("apply", "last", "--confirm", host)
    with urlopen(f"http://{host}/sandbox/ledger", timeout=30) as answer:
        ledger = json.load(answer)
    wall = after["seconds"]["wall"] - before["seconds"]["wall"]
    requests = after["requests"]["sent"] - before["requests"]["sent"]
    met = sum(count for kind, count in ledger["requests"].items() if kind in [*Fault])
    print(
        f"| {name} | {wall:.2f} | {requests} | {ledger['kills_effective']} | {ledger['kills_repeated']} | {met} |",
        flush=True,
    )
    return float(wall)


if __name__ == "__main__":
    sys.exit(main())
