"""What every peer starts from and ends with: its task from task.json, its own wall time as JSON on stdout."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KILL = "bizproc.workflow.kill"


@dataclass(frozen=True)
class Task:
    webhook: str
    ids: list[str]
    #: Requests at once and then per second; None: the portal has no such limit.
    burst: int | None
    per_second: float | None
    #: Kills in a batch that the portal surely finishes before its cut.
    batch: int
    #: Seconds; None: no load limiter.
    operating_limit: float | None


def run(end: Callable[[Task], int]) -> None:
    """`end` gets the task and returns the number of exceptions that it went on after; one that it raises ends it."""
    task = Task(os.environ["B24_WEBHOOK_URL"], **json.loads(Path("task.json").read_text(encoding="utf-8")))
    began = time.monotonic()
    try:
        exceptions = end(task)
    except Exception:
        traceback.print_exc()
        exceptions = 1
    json.dump({"wall": time.monotonic() - began, "exceptions": exceptions}, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # requests that a peer has left behind are not waited for
