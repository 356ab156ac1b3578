"""The whole story on a sandbox portal: plan, apply, kill -9 in the middle, apply again, verify, compare.

Every step is a process of its own, started as a user would start it; the portal's ledger has the last word.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

_RULES = """\
version: 1
limits: {max_kill: off, max_percent: off}   # this portal is a sandbox
protect:
  - {id: recent, match: {started: {newer_than: 7d}}, why: may still be wanted}
rules:
  - id: keep-approvals
    match: {template: {glob: "Согласование*"}, started: {newer_than: 180d}}
    action: keep
  - id: hung
    match: {stuck: {longer_than: 1h}}
    action: terminate
    reason: "stopped by {rule}, run {run}"
  - id: old
    match: {started: {older_than: 90d}}
    action: kill
"""
#: Of the selected, how many have ended when the apply is killed.
_CUT_AT = 0.4
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays: a portal, a folder, the environment of its processes."""

    console: Console
    folder: Path
    portal: str
    environment: dict[str, str]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cleanup", *words]

    def play(self, *words: str, expect: int = 0) -> None:
        """Runs one command as a user sees it. Raises StoryError when it ends otherwise than told."""
        self.console.print(f"\n[bold]$ b24-cleanup {shlex.join(words)}[/]")
        code = subprocess.run(self.command(*words), env=self.environment, cwd=self.folder, check=False).returncode  # noqa: S603 - our own command
        if code != expect:
            raise StoryError(f"it ended with exit code {code}, expected was {expect}")

    def ask(self, *words: str) -> dict[str, Any]:
        """One command's JSON document."""
        answer = subprocess.run(  # noqa: S603 - our own command
            self.command(*words, "-o", "json"), env=self.environment, cwd=self.folder, check=False, capture_output=True
        )
        return dict(json.loads(answer.stdout))

    def ledger(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.portal}/sandbox/ledger", timeout=10) as answer:
            return dict(json.load(answer))


class StoryError(Exception):
    """The demo did not go as it must."""


def tell(*, instances: int, seed: int, console: Console) -> int:
    """Plays the story; returns the exit code: 0 only if the portal's own ledger agrees with the record."""
    with tempfile.TemporaryDirectory(prefix="b24-cleanup-demo-") as folder:
        try:
            with _sandbox(instances, seed) as webhook:
                return _story(_stage(Path(folder), webhook, console))
        except StoryError as error:
            console.print(f"[red]The demo failed:[/] {error}.")
            return 1


def _stage(folder: Path, webhook: str, console: Console) -> Stage:
    (folder / "rules.yaml").write_text(_RULES, encoding="utf-8")
    # Nothing of the user's own may lead this story to a real portal.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("B24_")}
    environment |= {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(folder / "state")}
    return Stage(console, folder, webhook.split("/")[2], environment)


def _story(stage: Stage) -> int:
    stage.console.print(f"A sandbox portal listens on {stage.portal}, with Bitrix24's limits. Nothing here is real.")
    stage.play("check")
    stage.play("plan", "rules.yaml")
    selected = stage.ask("status", "last")["totals"]["selected"]
    _apply_and_kill(stage, round(selected * _CUT_AT))
    stage.play("status", "last")
    stage.play("apply", "last", "--confirm", stage.portal)
    stage.play("verify", "last")
    return _compare(stage)


def _apply_and_kill(stage: Stage, after: int) -> None:
    words = ("apply", "last", "--confirm", stage.portal)
    stage.console.print(f"\n[bold]$ b24-cleanup {shlex.join(words)} &[/]")
    process = subprocess.Popen(  # noqa: S603 - our own command
        stage.command(*words), env=stage.environment, cwd=stage.folder, stdout=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + _PATIENCE
        while stage.ledger()["kills_effective"] < after and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    ended = stage.ledger()["kills_effective"]
    stage.console.print(f"[bold]$ kill -9 {process.pid}[/]   # in the middle: the portal has ended {ended:,}")


def _compare(stage: Stage) -> int:
    totals, ledger = stage.ask("status", "last")["totals"], stage.ledger()
    recorded = totals["killed"] + totals["terminated"]
    agree = (
        recorded == totals["selected"] == ledger["kills_effective"]
        and ledger["kills_repeated"] == 0
        and totals["already_gone"] == totals["failed"] == totals["pending"] == 0
    )
    stage.console.print(
        f"\n{totals['selected']:,} selected, {recorded:,} recorded as ended; the portal's own ledger says "
        f"{ledger['kills_effective']:,} ended, {ledger['kills_repeated']:,} asked for twice."
    )
    stage.console.print("[green]Everything selected ended exactly once.[/]" if agree else "[red]They do not agree.[/]")
    return 0 if agree else 1


@contextmanager
def _sandbox(instances: int, seed: int) -> Iterator[str]:
    """A sandbox portal as a process of its own; gives its webhook, and ends it by its own pid."""
    words = ("--instances", str(instances), "--seed", str(seed), "--port", "0", "--kill-seconds", "0.02")
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "cleanup", "sandbox", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        yield _webhook_of(process)
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


def _webhook_of(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if found := next((word for word in line.split() if word.startswith("http://")), None):
            return found
    raise StoryError("the sandbox portal did not start")
