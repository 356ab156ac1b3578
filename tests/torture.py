"""Rounds of torture: real processes that are killed -9, on a portal that breaks, on a disk that fails, in a wrong time.

The portal lives in this process, so that its ledger is at hand; restarting it closes its listener, drops every
connection and the work in progress, and forgets its bucket, while instances and ledger stay, as a database does.
The tool runs as processes of its own, forked from a server that has imported it already, so that a round is quick; a
shifted clock needs a fresh interpreter (a sitecustomize that shifts time.time and datetime.now).
"""

import asyncio
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cleanup.journal import Journal
from cleanup.reports.document import document
from cleanup.sandbox import Sandbox, Settings
from tests.forked import CONTEXT
from tests.harness import RULES
from tests.invariants import Case, Planned, snapshot, violations

_RULES = RULES.replace("protect:", "pace: {batch_seconds: 0.1}\nprotect:")
_FAULTS = ("drop_before", "drop_after", "bad_gateway_after", "cut", "empty_500", "truncated", "html", "missing_keys")
_SHIFT = """\
import datetime as module, os, time
_by, _time, _datetime = float(os.environ["TORTURE_SHIFT"]), time.time, module.datetime
time.time = lambda: _time() + _by
class Shifted(_datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_time() + _by, tz)
module.datetime = Shifted
"""
_DONE = frozenset({0, 3})
#: Seconds until one command counts as hanging.
_LONGEST = 120.0
_TRIES = 6


@dataclass(slots=True)
class Round:
    """What happened in one round. No violation: all is well."""

    number: int
    misfortune: str
    killed: int = 0
    commands: int = 0
    ended: int = 0
    #: Exit codes of commands that were not killed, by how often.
    codes: Counter[int] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


async def play(number: int, folder: Path) -> Round:
    """One round: the misfortune goes by the number, everything else by its seed."""
    misfortune = list(_MISFORTUNES)[number % len(_MISFORTUNES)]
    told, chance = Round(number, misfortune), random.Random(number)
    settings = Settings(
        seed=number,
        instances=600,
        licence="ru_selfhosted",
        bucket=0,
        kill_seconds=0.004,
        list_seconds=0.005,
        poison=chance.choice([0, 2]),
        crash=chance.choice([0, 1]),
        fault_seed=number,
    )
    async with _disk(folder / "disk") as disk, Sandbox(settings) as sandbox:
        sandbox.settings = replace(settings, port=int(sandbox.url.rsplit(":", 1)[1].strip("/")))
        await _Victim(sandbox, folder, disk, chance, told).suffer(_MISFORTUNES[misfortune])
    return told


class Disk:
    """Where state and checkpoint lie: a small file system of its own where that may be mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.mounted = os.geteuid() == 0 and self._mount("size=64m")

    def _mount(self, options: str) -> bool:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], capture_output=True, check=False
        )
        return done.returncode == 0

    def remount(self, options: str) -> bool:
        if not self.mounted:
            return False
        words = ["mount", "-o", f"remount,{options}", str(self.path)]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def leave_free(self, size: int) -> bool:
        """False: it cannot be made small; limit the files instead."""
        used = sum(-(-file.stat().st_size // 4096) * 4096 for file in self.path.rglob("*") if file.is_file())
        return self.remount(f"size={(used + size) // 1024 + 8}k")

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", str(self.path)], check=False)


@asynccontextmanager
async def _disk(path: Path) -> AsyncIterator[Disk]:
    disk = Disk(path)
    try:
        yield disk
    finally:
        disk.close()


class _Victim:
    """The tool on one portal, from the first plan to the end, through whatever comes."""

    def __init__(self, sandbox: Sandbox, folder: Path, disk: Disk, chance: random.Random, told: Round) -> None:
        self.sandbox, self.disk, self.chance, self.told = sandbox, disk, chance, told
        self._folder = folder
        self.checkpoint = disk.path / "run.sqlite"
        (folder / "rules.yaml").write_text(_RULES, encoding="utf-8")
        (folder / "sitecustomize.py").write_text(_SHIFT, encoding="utf-8")
        host = sandbox.url.split("/")[2]
        self.plan_words = ("plan", "rules.yaml", "--checkpoint", str(self.checkpoint))
        self.apply_words = ("apply", str(self.checkpoint), "--confirm", host)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("B24_", "COVERAGE"))}
        state = {"B24_CLEANUP_STATE_DIR": str(disk.path / "state"), "B24_WEBHOOK_URL": sandbox.webhook}
        self._environment = kept | state | {"NO_COLOR": "1"}

    async def suffer(self, misfortune: Callable[["_Victim"], Any]) -> None:
        self._misfortune = misfortune
        for _ in range(self.chance.randrange(3)):
            await self.kill(self.plan_words)
        await misfortune(self)
        self.lift()
        planned = await self._planned()
        for _ in range(self.chance.randrange(1, 3)):
            await self.kill(self.apply_words)
        await misfortune(self)
        self.lift()
        code = await self._finish()
        self._judge(planned, code)

    @property
    def is_planned(self) -> bool:
        with suppress(Exception), Journal.open(self.checkpoint, readonly=True) as journal:
            return journal.state() != "listing"
        return False

    @property
    def words(self) -> Sequence[str]:
        """The command whose turn it is."""
        return self.apply_words if self.is_planned else self.plan_words

    async def _planned(self) -> Planned:
        for _ in range(_TRIES):
            if self.is_planned:
                break
            await self.call(self.plan_words, allowed={0, 6})
        with Journal.open(self.checkpoint, readonly=True) as journal:
            now = datetime.fromisoformat(journal.head().now).timestamp()
            planned = snapshot(self.sandbox, now, {entry.id for entry, _, _ in journal.entries()})
        # the plan may have been made some commands ago
        return replace(planned, portal_clock=now)

    async def _finish(self) -> int:
        code = -1
        for _ in range(_TRIES):
            code = await self.call(self.apply_words, allowed={0, 3})
            if code in _DONE:
                break
        return code

    def _judge(self, planned: Planned, code: int) -> None:
        with Journal.open(self.checkpoint, readonly=True) as journal:
            entries = {entry.id: entry for entry, _, _ in journal.entries()}
            shown = document(journal, verb="apply", exit_code=code)
        case = Case(sandbox=self.sandbox, planned=planned, entries=entries, document=shown, exit_code=code)
        self.told.violations += [f"{name}: {found[0]}" for name, found in violations(case).items()]
        self.told.ended = self.sandbox.ledger.kills_effective

    def lift(self) -> None:
        self.sandbox.faults.change({"rates": {}, "life": {}})

    # Commands

    async def call(self, words: Sequence[str], *, allowed: set[int], limit: int | None = None) -> int:
        """Runs a command to its end, which must be one of the allowed codes."""
        process = self._start(words, limit)
        code = await self._end_of(process)
        self._note(words, code, allowed)
        return code

    async def kill(self, words: Sequence[str]) -> None:
        """Starts a command, and ends it at a random moment, as a power cut would."""
        process = self._start(words, None)
        await asyncio.sleep(self.chance.choice([0.4, 1.5]) * self.chance.random())
        if process.is_alive() and process.pid is not None:
            with suppress(ProcessLookupError):  # it has just come to its own end
                os.kill(process.pid, signal.SIGKILL)
                self.told.killed += 1
        await self._end_of(process)

    async def shifted(self, words: Sequence[str], seconds: float, *, allowed: set[int]) -> None:
        """Runs a command in a fresh interpreter whose clock is off."""
        path = os.pathsep.join([str(self._folder), str(Path(__file__).parent.parent)])
        environment = self._environment | {"TORTURE_SHIFT": str(seconds), "PYTHONPATH": path}
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cleanup", *words), cwd=self._folder, env=environment, stdout=log, stderr=log
            )
            self._note(words, await asyncio.wait_for(process.wait(), _LONGEST), allowed)

    def _start(self, words: Sequence[str], limit: int | None) -> Any:
        process = CONTEXT.Process(target=_tool, args=(words, self._environment, self._folder, self._log, limit))
        process.start()
        self.told.commands += 1
        return process

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    async def _end_of(self, process: Any) -> int:
        async with asyncio.timeout(_LONGEST):
            while process.is_alive():  # noqa: ASYNC110 - a process of multiprocessing has no event
                await asyncio.sleep(0.01)
        process.join()
        code = int(process.exitcode)
        process.close()
        return code

    def _note(self, words: Sequence[str], code: int, allowed: set[int]) -> None:
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        if "Traceback" in text or "unexpected error" in text:
            self.told.violations.append(f"{words[0]} told a traceback: {text[-400:]}")
        self.told.codes[code] += 1
        if code not in allowed:
            self.told.violations.append(f"{words[0]} ended with {code}, {sorted(allowed)} expected: {text[-300:]}")
        self._log.unlink(missing_ok=True)


def _tool(words: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, limit: int | None) -> None:
    """In the new process: the tool as a user starts it."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    stream = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sys.argv = ["b24-cleanup", *words]
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    from cleanup.cli import main

    main()


# Misfortunes: each comes once before the plan is complete and once before the apply is


async def _nothing(victim: _Victim) -> None:
    """Only the kills."""


async def _faults(victim: _Victim) -> None:
    """A request in four breaks, instances end by themselves; killed under it, too."""
    victim.sandbox.faults.change({"rates": dict.fromkeys(_FAULTS, 0.03), "life": {"ends": 0.1, "appears": 0.1}})
    await victim.kill(victim.words)
    await victim.call(victim.words, allowed={0, 3, 6})


async def _restart(victim: _Victim) -> None:
    """The portal is restarted while a command is at work, and once more while it is killed."""
    for start in (victim.kill, lambda words: victim.call(words, allowed={0, 3, 6})):
        async with asyncio.TaskGroup() as group:
            group.create_task(start(victim.words))
            await asyncio.sleep(victim.chance.uniform(0.05, 0.6))
            await _down_for(victim.sandbox, victim.chance.uniform(0.0, 0.5))


async def _down_for(sandbox: Sandbox, seconds: float) -> None:
    await sandbox.__aexit__(None, None, None)
    await asyncio.sleep(seconds)
    await sandbox.__aenter__()


async def _full_disk(victim: _Victim) -> None:
    """The file system is small where one can be mounted; else the kernel limits the size of files."""
    room = victim.chance.randrange(8, 120) * 1024
    limit = None if victim.disk.leave_free(room) else room
    await victim.call(victim.words, allowed={0, 2, 3, 6}, limit=limit)
    victim.disk.remount("size=64m")


async def _read_only(victim: _Victim) -> None:
    if not victim.disk.remount("ro"):
        victim.disk.path.chmod(0o500)
    refused = {2} if victim.disk.mounted or os.geteuid() else {0, 2, 3}
    await victim.call(victim.words, allowed=refused)
    if not victim.disk.remount("rw"):
        victim.disk.path.chmod(0o700)


async def _damage(victim: _Victim) -> None:
    """A copy of the checkpoint, cut short or with flipped bytes: refused, or as if nothing had happened."""
    if not victim.is_planned:
        return
    whole = victim.disk.path / "whole.sqlite"
    with closing(sqlite3.connect(victim.checkpoint)) as source, closing(sqlite3.connect(whole)) as target:
        source.backup(target)
    body = whole.read_bytes()
    for harm in (_truncated, _flipped, _flipped, _flipped):
        harmed = victim.disk.path / "harmed.sqlite"
        harmed.write_bytes(harm(body, victim.chance))
        words = ("apply", str(harmed), *victim.apply_words[2:], "--dry-run")
        await victim.call(words, allowed={2} if harm is _truncated else {0, 2, 4})
        await victim.call(("status", str(harmed)), allowed={2} if harm is _truncated else {0, 2})
        for left in victim.disk.path.glob("harmed.sqlite*"):
            left.unlink()


def _truncated(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(1, len(body))]


def _flipped(body: bytes, chance: random.Random) -> bytes:
    harmed = bytearray(body)
    for _ in range(chance.choice([1, 10, 200])):
        harmed[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return bytes(harmed)


async def _clock(victim: _Victim) -> None:
    """Our own clock is set back, now and then by an hour; what was planned or sent before lies in the future then."""
    await victim.kill(victim.words)
    back = victim.chance.choice([-3600.0, -30.0, -2.0, -2.0])
    await victim.shifted(victim.words, back, allowed={0, 3})


_MISFORTUNES: Mapping[str, Callable[[_Victim], Any]] = {
    "kill -9 alone": _nothing,
    "faults": _faults,
    "portal restarted": _restart,
    "disk full": _full_disk,
    "read-only": _read_only,
    "file damaged": _damage,
    "clock set back": _clock,
}


def round_of(number: int, folder: Path) -> Round:
    """One round, to its end; a round that hangs or breaks is a violation."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(play(number, folder))
    except Exception as error:
        return Round(number, "broken", violations=[f"{type(error).__name__}: {error}"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
