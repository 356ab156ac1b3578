"""`run` for many portals in one process: each with its own journal, lock, caps, pace and end, none in another's way."""

import resource
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from rich.console import Console

from cleanup.commands.applying import Window
from cleanup.commands.connection import Setting, clock, same_portal
from cleanup.commands.planning import Listing
from cleanup.commands.running import Night, begun_by_portal
from cleanup.commands.telling import log_end
from cleanup.config import Faults, PortalEntry
from cleanup.errors import Busy, CleanupError, ExitCode, UsageError, cause_of, defect
from cleanup.portal import access
from cleanup.portal.access import Entrance
from cleanup.portal.authorization import Authorization, WayIn
from cleanup.redaction import Redactor
from cleanup.reports.ended import Ended, stem_of
from cleanup.reports.portals import PortalEnd
from cleanup.sources import Kind, Source
from cleanup.state_directory import PATIENCE, StateDirectory
from cleanup.stop import Stop, obeying

#: Seconds between two tries of a lock, and between two words of how far all are.
_LOCK_EVERY, _TELL_EVERY = 0.05, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What the portals share: this machine, the time, and the person who waits."""

    state: StateDirectory
    redactor: Redactor
    console: Console
    window: Window
    now: datetime | None = None
    include_locked: bool = False
    #: Portals at work at the same time.
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneOfMany(Setting):
    """Its progress is shown to nobody; what it says carries its name."""

    name: str
    aloud: Console

    def tell(self, message: str) -> None:
        self.aloud.print(f"{self.name}: {message}", highlight=False, markup=False)


async def run_portals(fleet: Fleet, entries: Sequence[PortalEntry]) -> list[PortalEnd]:
    """How each portal ended, in their order; what goes wrong with one is its own end, and no other's.

    Raises UsageError before anything is sent where one portal is named twice.
    """
    night = _AllOfThem(fleet, entries)
    _refuse_twins(night.opened, entries)
    _allow_many_files()
    begun = await anyio.to_thread.run_sync(begun_by_portal, fleet.state)
    stop = Stop()
    async with obeying(stop, seconds=fleet.window.seconds, tell=night.say):
        await night.do(begun, stop)
    return night.result(stop)


class _AllOfThem:
    """The portals of one call, and how those ended that have."""

    def __init__(self, fleet: Fleet, entries: Sequence[PortalEntry]) -> None:
        self._fleet, self._entries = fleet, entries
        self._ends: dict[str, Ended] = {}
        #: Those whose secret could be read.
        self.opened: dict[str, Authorization] = {}
        self._at_work = 0
        for entry in entries:
            self._open(entry)

    def _open(self, entry: PortalEntry) -> None:
        try:
            self.opened[entry.name] = access.opened(_entrance(entry), self._fleet.redactor)
        except UsageError as error:
            self._ends[entry.name] = _failed(entry, "", error, 0.0)
            log_end(self._ends[entry.name], name=entry.name)

    async def do(self, begun: Mapping[str, Sequence[Path]], stop: Stop) -> None:
        turns = anyio.CapacityLimiter(self._fleet.at_once)
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._tell, name="progress")
            async with anyio.create_task_group() as portals:
                for entry in self._entries:
                    if (authorization := self.opened.get(entry.name)) is not None:
                        earlier = begun.get(authorization.portal, [])
                        one = _One(self._fleet, entry, authorization, earlier, stop.part())
                        portals.start_soon(self._one, one, turns, name=entry.name)
            beside.cancel_scope.cancel()

    async def _one(self, one: "_One", turns: anyio.CapacityLimiter) -> None:
        async with turns:
            if one.is_stopped:
                return
            self._at_work += 1
            try:
                await one.run()
            finally:
                self._at_work -= 1
                if one.ended is not None:
                    self._ends[one.name] = one.ended

    async def _tell(self) -> None:
        while True:
            await anyio.sleep(_TELL_EVERY)
            self.say(f"{len(self._ends):,} of {len(self._entries):,} portals are done, {self._at_work:,} are at work.")

    def say(self, message: str) -> None:
        self._fleet.console.print(message, highlight=False, markup=False)

    def result(self, stop: Stop) -> list[PortalEnd]:
        return [
            PortalEnd(entry.name, self._ends.get(entry.name) or self._not_begun(entry, stop)) for entry in self._entries
        ]

    def _not_begun(self, entry: PortalEntry, stop: Stop) -> Ended:
        code, message = stop.reason()
        return Ended(
            verb="run",
            portal=self.opened[entry.name].portal,
            rules=stem_of(entry.rules.path),
            exit_code=code,
            message=f"{message} It was not begun.",
            at=clock(),
            seconds=0.0,
            window_over=stop.window_over,
        )


def _entrance(entry: PortalEntry) -> Entrance:
    if entry.webhook is not None:
        return Entrance(WayIn.WEBHOOK, entry.webhook)
    return Entrance(WayIn.APPLICATION, Source(Kind.FILE, str(entry.oauth)))


def _refuse_twins(opened: Mapping[str, Authorization], entries: Iterable[PortalEntry]) -> None:
    first: dict[str, PortalEntry] = {}
    twins = []
    for entry in entries:
        if entry.name in opened:
            portal = opened[entry.name].portal
            other = first.setdefault(portal, entry)
            if other is not entry:
                said = f"“{entry.name}” is {portal}, which “{other.name}” in line {other.place.line} is already"
                twins.append(replace(entry.place, message=said))
    if twins:
        raise UsageError(f"a portal is named twice; nothing was done.\n{Faults(twins)}")


def _allow_many_files() -> None:
    """A portal at work holds a few dozen: a checkpoint, locks, connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _One:
    """The night of one portal among others."""

    def __init__(
        self, fleet: Fleet, entry: PortalEntry, authorization: Authorization, begun: Sequence[Path], stop: Stop
    ) -> None:
        self._fleet, self._entry, self._begun, self._stop = fleet, entry, begun, stop
        self.name, self._portal = entry.name, authorization.portal
        self._setting = _OneOfMany(
            state=fleet.state,
            authorization=authorization,
            console=Console(file=StringIO(), quiet=True),
            name=entry.name,
            aloud=fleet.console,
        )
        self._began = 0.0
        #: None: it has not ended yet.
        self.ended: Ended | None = None

    @property
    def is_stopped(self) -> bool:
        return self._stop.asked

    async def run(self) -> None:
        """Raises nothing but a cancellation; even then `ended` tells what was recorded until then."""
        self._began = time.monotonic()
        with structlog.contextvars.bound_contextvars(name=self.name, portal=self._portal):
            try:
                with self._told():
                    await self._night()
            finally:
                if self.ended is not None:
                    log_end(self.ended, name=self.name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong inside, a defect of ours too, is the end of this portal's night, and of no other's."""
        try:
            yield
        except Exception as error:
            self.ended = _failed(self._entry, self._portal, cause_of(error), time.monotonic() - self._began)

    async def _night(self) -> None:
        fleet, rules = self._fleet, self._entry.rules
        same_portal(rules, self._setting.authorization)
        listing = Listing(
            self._setting, rules, checkpoint=None, now=fleet.now, include_locked=fleet.include_locked, verb="run"
        )
        with ExitStack() as held:
            await self._hold(held)
            night = Night(self._setting, rules, fleet.window, listing, held, begun=self._begun)
            try:
                await night.do(self._stop)
            except anyio.get_cancelled_exc_class():
                with self._told():
                    self._finish(night)
                raise
            self._finish(night)

    async def _hold(self, held: ExitStack) -> None:
        """Takes the portal's lock, as patiently as for one portal, but without blocking the others. Raises Busy."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                held.enter_context(self._fleet.state.lock(self._portal, patience=0))
            except Busy:
                if time.monotonic() > until:
                    raise
                await anyio.sleep(_LOCK_EVERY)
            else:
                return

    def _finish(self, night: Night) -> None:
        result = night.result(self._stop)
        self.ended = Ended(
            verb="run",
            portal=self._portal,
            rules=stem_of(self._entry.rules.path),
            exit_code=int(result.document["exit"]),
            message=result.message,
            at=clock(),
            seconds=time.monotonic() - self._began,
            document=result.document,
            earlier=result.earlier,
            window_over=result.window_over,
        )


def _failed(entry: PortalEntry, portal: str, error: BaseException, seconds: float) -> Ended:
    return Ended(
        verb="run",
        portal=portal,
        rules=stem_of(entry.rules.path),
        exit_code=int(error.exit_code) if isinstance(error, CleanupError) else int(ExitCode.UNEXPECTED),
        message=str(error) if isinstance(error, CleanupError) else defect(error),
        at=clock(),
        seconds=seconds,
    )
