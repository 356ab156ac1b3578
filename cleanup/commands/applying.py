"""`apply`: from a plan to what became of it, under guards, a window, signals, and locks."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import anyio
import structlog

from cleanup import guards
from cleanup.apply import Apply, Judge, Rehearsal, rehearse
from cleanup.commands.connection import Result, Setting, clock, connected, require_answers, told_of, usage, waits
from cleanup.commands.planning import resume_plan
from cleanup.commands.recorded import book_of, rules_of
from cleanup.config import RulesFile, digest_of
from cleanup.errors import CleanupError, ExitCode, SafetyStop, UsageError
from cleanup.guards import Limits
from cleanup.journal import Journal
from cleanup.knowledge import Rechecking
from cleanup.model import Action, Entry, State
from cleanup.plan import judge_as_planned
from cleanup.portal import learned
from cleanup.portal.authorization import Authorization
from cleanup.portal.client import Ender
from cleanup.portal.connect import Connection
from cleanup.progress import Meter, watch
from cleanup.reports.document import document, exit_of
from cleanup.state_directory import lock_checkpoint
from cleanup.stop import Stop, obeying

_log = structlog.get_logger()
_SAVE_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long an apply may take, and how much it may end; None: as the rules file says."""

    seconds: float | None = None
    max_kill: int | None = None
    dry_run: bool = False


async def apply(setting: Setting, journal: Journal, window: Window) -> Result:
    """Ends what the journal plans. The caller has confirmed it. Raises AccessError and others before it began."""
    stop, work = Stop(), Work(setting, journal, window, verb="apply")
    with held(setting, journal):
        async with obeying(stop, seconds=window.seconds, tell=setting.tell):
            await work.do(stop)
        return work.result(stop)


@contextmanager
def held(setting: Setting, journal: Journal) -> Iterator[None]:
    """The portal and the checkpoint, which another state directory may name, too. Raises Busy."""
    with setting.state.lock(journal.head().portal), lock_checkpoint(journal.path):
        yield


def refusals(
    journal: Journal, authorization: Authorization, window: Window, rules: RulesFile | None = None
) -> list[str]:
    """Why this journal may not be applied now; empty when it may. Raises UsageError when it is no complete plan.

    `rules`: the journal's own, with other caps and pace; None: as the journal has them.
    """
    head = journal.head()
    if journal.state() == "listing":
        raise UsageError(
            f"The plan in {journal.path} is not complete: its listing was broken off. "
            f"Go on with: {resume_plan(journal)}"
        )
    reasons = [
        guards.other_portal(head.portal, authorization.portal),
        guards.too_old(datetime.fromisoformat(head.created), clock()),
        guards.edited(as_planned=journal.is_as_planned(), file=str(journal.path)),
        guards.changed_rules(head.rules_digest, digest_of(Path(head.rules_file)), head.rules_file),
        *guards.refusals(
            selected=sum(journal.state_counts().values()),
            population=journal.population() or 0,
            limits=_limits(rules or rules_of(journal), window),
        ),
    ]
    return [reason for reason in reasons if reason]


class Work:
    """One apply of one journal, or one rehearsal of it, for a caller that holds the locks and obeys signals."""

    def __init__(
        self,
        setting: Setting,
        journal: Journal,
        window: Window,
        *,
        verb: str,
        may_end: bool = True,
        rules: RulesFile | None = None,
    ) -> None:
        """Without `may_end` it only asks what became of what was sent. `rules` are as in `refusals`."""
        self._setting, self._journal, self._window, self._verb = setting, journal, window, verb
        self._rules = rules or rules_of(journal)
        self._reasons = refusals(journal, setting.authorization, window, self._rules)
        self._may_end = may_end and not self._reasons
        self._rehearsal: Rehearsal | None = None

    async def do(self, stop: Stop) -> None:
        """Raises CleanupError when it cannot begin. What goes wrong later is told by `result`.

        A plan that may not be applied any more is still settled: what was sent and not answered is asked about.
        """
        if not self._may_end and not self._is_in_doubt():
            return
        with told_of(self._journal):
            await self._connected(stop)

    async def _connected(self, stop: Stop) -> None:
        _log.info("apply.began", open=sum(self._journal.open_counts().values()), dry_run=self._window.dry_run)
        try:
            async with connected(self._setting, self._rules.pace, stop) as connection:
                if self._may_end:
                    require_answers(connection.probe, self._rules.book.asks(), self._setting.authorization)
                await self._with(connection, stop)
        except CleanupError:
            if not stop.asked:
                raise
        finally:
            counts = self._journal.state_counts()
            _log.info("apply.done", **{state.value: counts.get(state, 0) for state in State})

    def _is_in_doubt(self) -> bool:
        of_this_portal = self._journal.head().portal == self._setting.authorization.portal
        return of_this_portal and not self._window.dry_run and State.SENT in self._journal.state_counts()

    async def _with(self, connection: Connection, stop: Stop) -> None:
        journal, began = self._journal, time.monotonic()
        if not self._window.dry_run and self._may_end:
            journal.begin_apply(clock())
        journal.begin_session(self._verb, clock())
        async with anyio.create_task_group() as beside:
            beside.start_soon(_keep_usage, journal, connection, began, name="usage")
            beside.start_soon(watch, Meter(journal, connection.line), self._setting.console, name="progress")
            try:
                await self._end(connection, stop)
            except CleanupError as error:
                self._broken_off(error, stop)
            finally:
                beside.cancel_scope.cancel()
                journal.save_usage(usage(connection, began), waits(connection))
                self._remember(connection)

    def _broken_off(self, error: CleanupError, stop: Stop) -> None:
        if self._may_end:
            stop.ask(error)
        else:
            self._setting.tell(f"What is in doubt was not settled: {error}")

    async def _end(self, connection: Connection, stop: Stop) -> None:
        judge, book = self._judge(connection), book_of(self._journal, self._rules)
        rechecking = Rechecking(connection.reader, book, datetime.fromisoformat(self._journal.head().now))
        if self._window.dry_run:
            with stop.interrupts():
                self._rehearsal = await rehearse(self._journal, rechecking, judge)
            return
        work = Apply(
            self._journal,
            connection.reader,
            Ender(connection.line),
            judge=judge,
            rechecking=rechecking,
            limits=_limits(self._rules, self._window),
            status=_status,
            stop=stop,
            clock=clock,
        )
        await (work.run() if self._may_end else work.settle())

    def _judge(self, connection: Connection) -> Judge:
        """Raises SafetyStop for a plan whose ages were counted from a time that has not come yet."""
        now = datetime.fromisoformat(self._journal.head().now)
        rehearses = self._window.dry_run or not self._may_end
        if not rehearses and (reason := guards.not_yet(now, connection.present())):
            raise SafetyStop(reason)
        return judge_as_planned(book_of(self._journal, self._rules), now, connection.present)

    def _remember(self, connection: Connection) -> None:
        if (known := learned.measured(connection.line.pacer)) is not None:
            learned.save(self._setting.state.learned(self._journal.head().portal), known)

    def result(self, stop: Stop) -> Result:
        if self._reasons:
            nothing = "Nothing more was ended." if self._journal.first_applied() else "Nothing was ended."
            return self._told(int(ExitCode.SAFETY_STOP), "\n".join([nothing, *self._reasons]))
        if self._window.dry_run:
            code, message = (0, "") if self._rehearsal is not None else stop.reason()
            result = self._told(code, message)
            result.document["dry_run"] = None if self._rehearsal is None else self._rehearsal.as_json()
            return result
        return self._finished() if stop.error is None and not self._pending else self._stopped(stop)

    def _finished(self) -> Result:
        self._journal.set_state("finished")
        code = int(exit_of(self._journal))
        failed = f"{self._journal.failed():,} entries failed. See: b24-cleanup report {self._journal.head().run}"
        return self._told(code, failed if code else "")

    def _stopped(self, stop: Stop) -> Result:
        self._journal.set_state("stopped")
        code, message = stop.reason()
        result = self._told(code, f"{message}\n{self._pending:,} are left. Resume with: {_resume(self._journal)}")
        result.window_over = stop.window_over
        return result

    def _told(self, code: int, message: str) -> Result:
        return Result(
            document=document(self._journal, verb=self._verb, exit_code=code), exit_code=code, message=message
        )

    @property
    def _pending(self) -> int:
        counts = self._journal.state_counts()
        return counts.get(State.PLANNED, 0) + counts.get(State.SENT, 0)


async def _keep_usage(journal: Journal, connection: Connection, began: float) -> None:
    while True:
        await anyio.sleep(_SAVE_EVERY)
        journal.save_usage(usage(connection, began), waits(connection))


def _limits(rules: RulesFile, window: Window) -> Limits:
    return rules.limits if window.max_kill is None else replace(rules.limits, max_kill=window.max_kill)


def _status(entry: Entry) -> str:
    return entry.reason if entry.action is Action.TERMINATE else ""


def _resume(journal: Journal) -> str:
    head = journal.head()
    named = head.run if journal.path.stem == head.run else shlex.quote(str(journal.path))
    return f"b24-cleanup apply {named} --confirm {head.portal}"
