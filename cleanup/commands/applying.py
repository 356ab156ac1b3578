"""`apply` and `run`: from a plan to what became of it, under guards, a window, signals and the portal's lock."""

import shlex
import signal
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import anyio
import structlog
from rich.console import Console

from cleanup import guards
from cleanup.apply import Apply, Rehearsal, Stop, rehearse
from cleanup.commands.connection import Result, Setting, clock, connected, same_portal, usage, waits
from cleanup.commands.planning import plan
from cleanup.commands.recorded import book_of, rules_of
from cleanup.config import RulesFile, load_rules
from cleanup.errors import CleanupError, ExitCode, UsageError
from cleanup.guards import Limits
from cleanup.journal import Journal
from cleanup.model import Action, Entry, State
from cleanup.plan import judge_as_planned
from cleanup.portal.auth import Webhook
from cleanup.portal.client import Ender
from cleanup.portal.connect import Connection
from cleanup.progress import Meter, watch
from cleanup.reports.document import document, exit_of

_log = structlog.get_logger()


_SAVE_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long an apply may take, and how much it may end; None: as the rules file says."""

    seconds: float | None = None
    max_kill: int | None = None
    dry_run: bool = False


async def apply(setting: Setting, journal: Journal, window: Window, *, verb: str = "apply") -> Result:
    """Ends what the journal plans. The caller has confirmed it. Holds the portal's lock."""
    if reasons := refusals(journal, setting.webhook, window):
        return _refused(journal, reasons, verb)
    with setting.state.lock(journal.head().portal):
        return await _apply(setting, journal, window, verb)


def refusals(journal: Journal, webhook: Webhook, window: Window) -> list[str]:
    """Why this journal may not be applied now; empty when it may. Raises UsageError when it is no complete plan."""
    if journal.state() == "listing":
        raise UsageError(
            f"The plan in {journal.path} is not complete: its listing was broken off. Go on with: "
            f"b24-cleanup plan {journal.head().rules_file} --checkpoint {journal.path}"
        )
    head = journal.head()
    reasons = [
        guards.other_portal(head.portal, webhook.portal),
        guards.too_old(datetime.fromisoformat(head.created), clock()),
        guards.changed_rules(head.rules_digest, _digest_now(head.rules_file), head.rules_file),
        *guards.refusals(
            selected=sum(journal.state_counts().values()),
            population=journal.population() or 0,
            limits=_limits(rules_of(journal), window),
        ),
    ]
    return [reason for reason in reasons if reason]


def _refused(journal: Journal, reasons: list[str], verb: str) -> Result:
    code = int(ExitCode.SAFETY_STOP)
    shown = document(journal, verb=verb, exit_code=code)
    return Result(document=shown, exit_code=code, message="\n".join(["Nothing was ended.", *reasons]))


async def _apply(setting: Setting, journal: Journal, window: Window, verb: str) -> Result:
    rules, head, began = rules_of(journal), journal.head(), time.monotonic()
    book = book_of(journal, rules)
    judge = judge_as_planned(book, datetime.fromisoformat(head.now))
    stop, received = Stop(), list[int]()
    failure: CleanupError | None = None
    rehearsal: Rehearsal | None = None
    async with connected(setting, rules.pace) as connection:
        if not window.dry_run:
            journal.begin_apply(clock())
        journal.begin_session(verb, clock())
        work = Apply(
            journal,
            connection.reader,
            Ender(connection.line),
            judge=judge,
            limits=_limits(rules, window),
            status=_status,
            stop=stop,
            clock=clock,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(_obey_signals, stop, received, group.cancel_scope, setting.console, name="signals")
            group.start_soon(_stop_after, stop, window.seconds, name="window")
            group.start_soon(_keep_usage, journal, connection, began, name="usage")
            group.start_soon(watch, Meter(journal, connection.line.pacer), setting.console, name="progress")
            try:
                if window.dry_run:
                    rehearsal = await rehearse(journal, connection.reader, judge)
                else:
                    await work.run()
            except CleanupError as error:
                failure = error
            finally:
                group.cancel_scope.cancel()
        journal.save_usage(usage(connection, began), waits(connection))
    if window.dry_run:
        return _rehearsed(journal, rehearsal, failure, received, verb)
    return _applied(journal, failure, received, verb)


def _applied(journal: Journal, failure: CleanupError | None, received: list[int], verb: str) -> Result:
    pending = sum(journal.state_counts().get(state, 0) for state in (State.PLANNED, State.SENT))
    message = ""
    if failure is None and not pending:
        journal.set_state("finished")
        code = int(exit_of(journal))
        if code:
            message = f"{journal.failed():,} entries failed. See: b24-cleanup report {journal.head().run}"
    else:
        journal.set_state("stopped")
        code, message = _stopped(failure, received)
        message += f"\n{pending:,} are left. Resume with: {_resume(journal)}"
    return Result(document=document(journal, verb=verb, exit_code=code), exit_code=code, message=message)


def _stopped(failure: CleanupError | None, received: list[int]) -> tuple[int, str]:
    if received:
        return 128 + received[0], "Stopped by a signal; what was in flight is recorded."
    if failure is not None:
        return int(failure.exit_code), str(failure)
    return int(ExitCode.STOPPED_EARLY), "The time window is over."


def _rehearsed(
    journal: Journal, rehearsal: Rehearsal | None, failure: CleanupError | None, received: list[int], verb: str
) -> Result:
    code, message = (0, "") if rehearsal is not None else _stopped(failure, received)
    shown = document(journal, verb=verb, exit_code=code)
    shown["dry_run"] = None if rehearsal is None else rehearsal.as_json()
    return Result(document=shown, exit_code=code, message=message)


async def run(
    setting: Setting,
    rules: RulesFile,
    window: Window,
    *,
    checkpoint: Path | None,
    now: datetime | None,
    include_locked: bool,
) -> Result:
    """For cron: finishes an unfinished run of the same portal and rules, then plans and applies a new one."""
    same_portal(rules, setting.webhook)
    until = None if window.seconds is None else time.monotonic() + window.seconds

    def left() -> Window:
        return window if until is None else replace(window, seconds=max(0.0, until - time.monotonic()))

    with setting.state.lock(setting.webhook.portal):
        if (path := _unfinished_run(setting, rules)) is not None:
            setting.console.print(f"First finishing the run {path.stem}.", highlight=False)
            with Journal.open(path) as journal:
                finished = await _guarded(setting, journal, left())
            if finished.exit_code not in {ExitCode.DONE, ExitCode.SOME_FAILED, ExitCode.SAFETY_STOP}:
                return finished
        planned = await plan(setting, rules, checkpoint=checkpoint, now=now, include_locked=include_locked)
        planned.document["verb"] = "run"
        if planned.exit_code:
            return planned
        with Journal.open(Path(planned.document["checkpoint"])) as journal:
            return await _guarded(setting, journal, left())


async def _guarded(setting: Setting, journal: Journal, window: Window) -> Result:
    """`apply` for a caller that holds the portal's lock."""
    if reasons := refusals(journal, setting.webhook, window):
        return _refused(journal, reasons, "run")
    return await _apply(setting, journal, window, "run")


def _unfinished_run(setting: Setting, rules: RulesFile) -> Path | None:
    """The newest run of this portal and these rules whose apply began, did not end, and is not too old."""
    for path in reversed(setting.state.runs().values()):
        try:
            with Journal.open(path, readonly=True) as journal:
                head = journal.head()
                same = (head.portal, head.rules_digest) == (setting.webhook.portal, rules.digest)
                young = not guards.too_old(datetime.fromisoformat(head.created), clock())
                if same and young and journal.first_applied() and journal.state() != "finished":
                    return path
        except UsageError as error:
            _log.warning("run.checkpoint_unreadable", checkpoint=str(path), error=str(error))
    return None


async def _obey_signals(stop: Stop, received: list[int], scope: anyio.CancelScope, console: Console) -> None:
    """The first signal stops claiming; the second cancels all."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(int(number))
            if len(received) > 1:
                scope.cancel()
                return
            stop.ask()
            console.print("Stopping: what is in flight will be finished and recorded. Once more stops at once.")


async def _stop_after(stop: Stop, seconds: float | None) -> None:
    if seconds is not None:
        await anyio.sleep(seconds)
        stop.ask()


async def _keep_usage(journal: Journal, connection: Connection, began: float) -> None:
    while True:
        await anyio.sleep(_SAVE_EVERY)
        journal.save_usage(usage(connection, began), waits(connection))


def _digest_now(file: str) -> str | None:
    path = Path(file)
    return load_rules(path).digest if path.is_file() else None


def _limits(rules: RulesFile, window: Window) -> Limits:
    return rules.limits if window.max_kill is None else replace(rules.limits, max_kill=window.max_kill)


def _status(entry: Entry) -> str:
    return entry.reason if entry.action is Action.TERMINATE else ""


def _resume(journal: Journal) -> str:
    head = journal.head()
    named = head.run if journal.path.stem == head.run else shlex.quote(str(journal.path))
    return f"b24-cleanup apply {named} --confirm {head.portal}"
