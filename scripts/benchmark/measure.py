"""One client on one scenario: runs it against a portal of its own, and reads from outside what it cost and did."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.clients import Client, Told
from benchmark.idle import Part, parts
from benchmark.scenarios import WORKERS, Scenario
from benchmark.stage import Stage, open_stage

#: A client gets at least so many seconds, also where the bound is short.
_LEAST_PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    scenario: str
    client: str
    bound: float
    wall: float
    #: It was stopped at its deadline.
    stopped: bool
    ended: int
    left: int
    too_many: int
    operation_limits: int
    bans: int
    cuts: int
    repeated: int
    exceptions: int
    cpu: float
    peak_mib: float
    idle: tuple[Part, ...] = ()

    @property
    def ratio(self) -> float:
        return self.wall / self.bound


@dataclass(frozen=True, slots=True)
class _Run:
    stdout: str
    code: int
    seconds: float
    cpu: float
    peak_mib: float
    stopped: bool


def measure(scenario: Scenario, client: Client) -> Measure:
    with tempfile.TemporaryDirectory() as folder, open_stage(scenario, Path(folder), tls=client.tls) as stage:
        bound = scenario.bound(stage.instances())
        client.prepare(stage)
        before = stage.ledger()
        run = _run(client, stage, deadline=max(_LEAST_PATIENCE, client.patience * bound))
        after = stage.ledger()
        counts = _counts(after)
        counts.subtract(_counts(before))
        told = _told(client, stage, run)
    return Measure(
        scenario=scenario.name,
        client=client.name,
        bound=bound,
        wall=told.wall,
        exceptions=told.exceptions,
        stopped=run.stopped,
        ended=counts["ended"],
        left=scenario.kills - counts["ended"],
        too_many=counts["too_many"],
        operation_limits=counts["operation_limits"],
        bans=counts["bans"],
        cuts=counts["cuts"],
        repeated=counts["repeated"],
        cpu=run.cpu,
        peak_mib=run.peak_mib,
        idle=parts(after["work"][len(before["work"]) :], WORKERS),
    )


def _told(client: Client, stage: Stage, run: _Run) -> Told:
    """A client that was stopped, or that died without a word, has only what was seen from outside."""
    if run.stopped:
        return Told(run.seconds, exceptions=0)
    try:
        return client.told(stage, run.stdout, run.code)
    except (ValueError, KeyError):
        return Told(run.seconds, exceptions=1)


def _run(client: Client, stage: Stage, *, deadline: float) -> _Run:
    """wait4 tells CPU and memory of this one process, so the output goes to a file."""
    out = stage.folder / "out"
    began = time.monotonic()
    with out.open("wb") as stdout:
        process = subprocess.Popen(
            client.command(stage), env=client.environment(stage), cwd=stage.folder, stdout=stdout
        )
        alarm = threading.Timer(deadline, os.kill, (process.pid, signal.SIGKILL))
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        alarm.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return _Run(
        stdout=out.read_text(encoding="utf-8"),
        code=process.returncode,
        seconds=time.monotonic() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
        stopped=process.returncode == -signal.SIGKILL,
    )


def _counts(ledger: dict[str, Any]) -> Counter[str]:
    requests: dict[str, int] = ledger["requests"]
    return Counter(
        ended=ledger["kills_effective"],
        repeated=ledger["kills_repeated"],
        bans=ledger["bans"],
        too_many=requests.get("query_limit", 0) + requests.get("unavailable", 0),
        operation_limits=requests.get("operation_limit", 0) + ledger["operation_limit_subcalls"],
        cuts=requests.get("cut", 0),
    )
