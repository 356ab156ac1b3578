"""The documentation's tutorial: one kill after another, here no faster than the bucket allows. An error is counted."""

import time

import requests
from start import KILL, Task, run


def end(task: Task) -> int:
    exceptions = 0
    began = time.monotonic()
    with requests.Session() as session:
        for place, identity in enumerate(task.ids):
            _pause(task, place, began)
            try:
                session.post(f"{task.webhook}{KILL}", json={"ID": identity}, timeout=60).raise_for_status()
            except requests.RequestException:
                exceptions += 1
    return exceptions


def _pause(task: Task, place: int, began: float) -> None:
    """The bucket drips from the first request on."""
    if task.burst is not None and task.per_second is not None:
        due = began + (place + 1 - task.burst) / task.per_second
        time.sleep(max(0.0, due - time.monotonic()))


run(end)
