"""What the tests of the whole engine share: a rules file, an independent reading of it, and ways to run the verbs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from rich.console import Console

from cleanup import commands
from cleanup.commands import Result, Setting, Window
from cleanup.config import RulesFile, parse_rules
from cleanup.journal import Journal
from cleanup.portal import auth
from cleanup.sandbox import Row, Sandbox
from cleanup.state_directory import StateDirectory
from tests import forked

DAY = 86400
RULES = """\
version: 1
limits: {max_kill: off, max_percent: off, max_failed_percent: off}
protect:
  - {id: recent, match: {started: {newer_than: 7d}}}
  - {id: deals, match: {document_type: deal, started: {newer_than: 200d}}}
rules:
  - id: hung
    match: {stuck: {longer_than: 2h}}
    action: terminate
    reason: "stopped by {rule}, run {run}"
  - id: keep-boss
    match: {started_by: 1}
    action: keep
  - id: old
    match: {started: {older_than: 90d}, modified: {older_than: 30d}}
    action: kill
"""
EVERYTHING = """\
version: 1
limits: {max_kill: off, max_percent: off, max_failed_percent: off}
rules:
  - {id: all, match: everything, action: kill}
"""


def predicate(rows: Iterable[Row], now: float, *, present: float | None = None) -> dict[str, str]:
    """RULES read by hand, on the portal's own rows: what must end, and by which method.

    Ages count from `now`, the plan's; what is being executed goes by `present`, the portal's clock.
    """
    present = now if present is None else present
    ends: dict[str, str] = {}
    for row in rows:
        if row.started is None or row.started > now - 7 * DAY:
            continue  # protected, an unknown start too
        if _may_be_a_deal(row) and row.started > now - 200 * DAY:
            continue
        if row.owned_until is not None and row.owned_until >= present - 300:
            continue  # locked
        if row.owned_until is not None and row.owned_until < now - 2 * 3600:
            ends[row.id] = "terminate"
        elif row.started_by != 1 and row.started < now - 90 * DAY and row.modified < now - 30 * DAY:
            ends[row.id] = "kill"
    return ends


def _may_be_a_deal(row: Row) -> bool:
    """A deal, or a row without a document type: unknown protects."""
    return row.entity == "CCrmDocumentDeal" or not row.module or row.module == "unknown"


@dataclass(frozen=True, slots=True)
class Bench:
    """A sandbox in this process, and the verbs on it with a state directory of their own."""

    sandbox: Sandbox
    folder: Path

    @property
    def setting(self) -> Setting:
        return Setting(
            state=StateDirectory(self.folder / "state"),
            authorization=auth.parse(self.sandbox.webhook),
            source="B24_WEBHOOK_URL",
            console=Console(file=StringIO()),
        )

    def rules(self, text: str = RULES) -> RulesFile:
        file = self.folder / "rules.yaml"
        file.write_text(text, encoding="utf-8")
        return parse_rules(text, str(file))

    async def plan(self, text: str = RULES, **options: Any) -> Result:
        chosen: dict[str, Any] = {"checkpoint": None, "now": None, "include_locked": False} | options
        return await commands.plan(self.setting, self.rules(text), **chosen)

    async def apply(self, run: str = "last", **window: Any) -> Result:
        with self.journal(run) as journal:
            return await commands.apply(self.setting, journal, Window(**window))

    async def run(self, text: str = RULES, *, include_locked: bool = False, **window: Any) -> Result:
        return await commands.run(
            self.setting, self.rules(text), Window(**window), checkpoint=None, now=None, include_locked=include_locked
        )

    def journal(self, run: str = "last") -> Journal:
        return Journal.open(self.setting.state.find(run))

    def ended(self) -> dict[str, str]:
        """What the portal's ledger says: method by instance. An instance ended twice fails the test."""
        assert all(len(endings) == 1 for endings in self.sandbox.ledger.endings.values())
        return {
            identity: endings[0].method.rsplit(".", 1)[-1] for identity, endings in self.sandbox.ledger.endings.items()
        }


def sums_hold(document: dict[str, Any]) -> bool:
    """DESIGN.md 3: the totals add up."""
    t = document["totals"]
    left_alone = t["protected"] + t["kept"] + t["no_match"] + t["undecided"] + t["locked"]
    ends = t["killed"] + t["terminated"] + t["already_gone"] + t["changed"] + t["failed"]
    by_rule = sum(row["selected"] for row in document["by_rule"])
    return bool(t["listed"] == left_alone + t["selected"] and t["selected"] == t["pending"] + ends == by_rule)


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox as a process of its own, and the tool as a user starts it."""

    webhook: str
    folder: Path

    @property
    def portal(self) -> str:
        return self.webhook.split("/")[2]

    @property
    def secret(self) -> str:
        return self.webhook.rstrip("/").rsplit("/", 1)[-1]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("B24_", "COVERAGE"))}
        state = {"B24_CLEANUP_STATE_DIR": str(self.folder / "state"), "B24_WEBHOOK_URL": self.webhook}
        return kept | state | {"NO_COLOR": "1", "COLUMNS": "100"} | more

    def call(
        self, *words: str, limit: Callable[[], None] | None = None, at_once: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """`limit` runs in the new process before the tool does. `at_once`: as often as ever, but without a wait."""
        whole = self.environment(**environment)
        if limit is None and forked.forks(whole):
            return forked.call(words, whole, self.folder, timeout=100, at_once=at_once)
        return subprocess.run(
            [sys.executable, "-m", "cleanup", *words],
            env=whole,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            preexec_fn=limit,
        )

    def python(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Python itself, as the tool would have it."""
        return subprocess.run(
            [sys.executable, *words],
            env=self.environment(**environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cleanup", *words],
            env=self.environment(**environment),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ledger(self) -> dict[str, Any]:
        return self.ask("ledger")

    def ask(self, what: str) -> Any:
        with urlopen(f"http://{self.portal}/sandbox/{what}", timeout=20) as answer:
            return json.load(answer)

    def rules(self, text: str) -> str:
        (self.folder / "rules.yaml").write_text(text, encoding="utf-8")
        return "rules.yaml"


@contextmanager
def shop(folder: Path, *words: str) -> Iterator[Shop]:
    """A sandbox process with the given options; ended by its own pid."""
    reading, writing = os.pipe()
    process = forked.start(forked.sandbox, ("--port", "0", *words), os.environ, Path.cwd(), writing, 2)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        try:
            yield Shop(told.readline().strip(), folder)
        finally:
            process.terminate()
            process.join(20)
