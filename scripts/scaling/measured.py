"""The sandbox and the tool as processes of their own, and what the system says that a process has used."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one process from its start to its end."""

    #: Seconds of processor time, in the program and in the system for it.
    cpu: float
    peak_mib: float
    wall: float
    status: int
    out: bytes

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True, slots=True)
class Portal:
    webhook: str
    process: int
    #: Until it listened.
    seconds: float

    @property
    def host(self) -> str:
        return self.webhook.split("/")[2]

    def requests(self) -> int:
        with urlopen(f"http://{self.host}/sandbox/ledger", timeout=60) as answer:
            return int(json.load(answer)["requests"]["total"])

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def portal(instances: int) -> Iterator[Portal]:
    """A sandbox with that many instances that costs a client no waiting: a box has no bucket and no load limiter."""
    free = ("--port", "0", "--licence", "ru_selfhosted", "--billing", "absent", "--kill-seconds", "0")
    command = [sys.executable, "-m", "cleanup.sandbox", *free, "--instances", str(instances)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        webhook = process.stdout.readline().strip()
        yield Portal(webhook, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(timeout=60)


@dataclass(frozen=True, slots=True)
class Tool:
    """Runs verbs in a folder with a state directory of its own."""

    folder: Path
    webhook: str = ""

    def run(self, *words: str, before: Sequence[str] = ()) -> Cost:
        """A verb's cost; `before` is a command that starts it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
        environment |= {"B24_CLEANUP_STATE_DIR": str(self.folder / "state"), "NO_COLOR": "1"}
        environment |= {"B24_WEBHOOK_URL": self.webhook} if self.webhook else {}
        command = [*before, sys.executable, *words]
        out, began = self.folder / "out", time.monotonic()
        with out.open("wb") as target:
            process = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdout=target, stderr=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        return Cost(
            cpu=usage.ru_utime + usage.ru_stime,
            peak_mib=usage.ru_maxrss / 1024,
            wall=wall,
            status=process.returncode,
            out=out.read_bytes(),
        )

    def verb(self, *words: str, before: Sequence[str] = ()) -> Cost:
        """The cost of a verb that did what it was asked to."""
        cost = self.run("-m", "cleanup", *words, before=before)
        assert cost.status == 0, f"{words} ended with {cost.status}: {cost.out[-500:]!r}"
        return cost
