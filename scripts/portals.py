"""Measures `run --portals` as a process of its own on N sandbox portals, which other processes serve.

Each portal is as an ordinary one in the cloud: 50 requests at once, then 2/s. Told are the wall time against that of
the slowest portal and of one that runs alone, the processor seconds and the peak memory of the one process.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cleanup.sandbox import Sandbox, Settings

RULES = """\
version: 1
limits: {max_kill: off, max_percent: off}
rules:
  - {id: all, match: everything, action: kill}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    document: dict[str, Any]
    wall: float
    cpu: float
    #: MiB.
    peak: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portals", nargs="?", type=int, default=200, help="how many")
    parser.add_argument("--instances", type=int, default=500, help="of each portal")
    parser.add_argument("--at-once", type=int, default=32, help="as of run")
    parser.add_argument("--servers", type=int, default=1, help="processes that serve the portals")
    parser.add_argument("--kill-seconds", type=float, default=0.002, help="server time of a kill")
    parser.add_argument("--serve", action="store_true", help="only serve them, and print their webhooks")
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve(asked.portals, asked.instances, asked.kill_seconds))
        return 0
    with tempfile.TemporaryDirectory() as name, ExitStack() as served:
        alone = served.enter_context(serving(1, asked.instances, asked.kill_seconds))
        share, rest = divmod(asked.portals, asked.servers)
        counts = [share + (number < rest) for number in range(asked.servers)]
        servers = [served.enter_context(serving(count, asked.instances, asked.kill_seconds)) for count in counts]
        single = run(Path(name), alone, 1)
        many = run(Path(name), [webhook for server in servers for webhook in server], asked.at_once)
    tell(asked, single, many)
    return int(many.document["exit"] or single.document["exit"])


def tell(asked: argparse.Namespace, single: Measured, many: Measured) -> None:
    ended = [part["document"]["totals"]["killed"] for part in many.document["portals"] if part["document"]]
    slowest = max(part["document"]["seconds"]["wall"] for part in many.document["portals"] if part["document"])
    print(f"{asked.portals} portals of {asked.instances} instances, {asked.at_once} at once; exit", end=" ")
    print(f"{many.document['exit']}, {sum(ended):,} ended")
    print("| | wall s | processor s | peak MiB |\n| --- | --- | --- | --- |")
    print(f"| all of them | {many.wall:.1f} | {many.cpu:.1f} | {many.peak:.0f} |")
    print(f"| the slowest of them | {slowest:.1f} | | |")
    print(f"| one alone | {single.wall:.1f} | {single.cpu:.1f} | {single.peak:.0f} |")


def run(folder: Path, webhooks: list[str], at_once: int) -> Measured:
    """The command on these portals, measured from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {f"PORTAL_{number}": webhook for number, webhook in enumerate(webhooks)}
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    lines = (
        f"  - {{name: p{number}, webhook: {{env: PORTAL_{number}}}, rules: rules.yaml}}\n"
        for number, _ in enumerate(webhooks)
    )
    (folder / "portals.yaml").write_text("portals:\n" + "".join(lines), encoding="utf-8")
    words = ["run", "--portals", "portals.yaml", "--at-once", str(at_once), "--include-locked", "-o", "json"]
    with (folder / "out.json").open("w+", encoding="utf-8") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "cleanup", *words, "--state-dir", str(folder / "state")],
            cwd=folder,
            env=environment,
            stdout=out,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return Measured(json.load(out), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


@contextmanager
def serving(portals: int, instances: int, kill_seconds: float) -> Iterator[list[str]]:
    """A process that serves so many portals; their webhooks."""
    process = subprocess.Popen(
        [
            sys.executable,
            __file__,
            str(portals),
            "--serve",
            f"--instances={instances}",
            f"--kill-seconds={kill_seconds}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield [process.stdout.readline().strip() for _ in range(portals)]
    finally:
        process.communicate("")


async def serve(portals: int, instances: int, kill_seconds: float) -> None:
    """Until stdin ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    async with AsyncExitStack() as opened:
        for number in range(portals):
            settings = Settings(instances=instances, seed=number, kill_seconds=kill_seconds)
            print((await opened.enter_async_context(Sandbox(settings))).webhook, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    sys.exit(main())
