"""The verbs that talk to a portal, from options to an exit code. Each is one task group; what they print is the door's.

A command returns a Result when a journal exists, whatever happened; before that it raises CleanupError.
"""

import shlex
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog
from rich.console import Console

from cleanup import guards
from cleanup.apply import Apply, Rehearsal, Stop, rehearse
from cleanup.config import RulesFile, load_rules, parse_rules
from cleanup.config.settings import Pace
from cleanup.errors import AccessError, CleanupError, ExitCode, SafetyStop, UsageError
from cleanup.guards import Limits
from cleanup.inventory import Survey, survey
from cleanup.journal import Journal, RunHead, Usage
from cleanup.model import Action, Entry, Instance, State
from cleanup.plan import fill, judge_as_planned
from cleanup.portal.auth import Webhook
from cleanup.portal.client import Ender, Probe
from cleanup.portal.connect import Connection, connect
from cleanup.progress import Meter, watch
from cleanup.reports.document import Document, document, exit_of
from cleanup.reports.explanation import Told
from cleanup.rules import RuleBook
from cleanup.rules.explain import explain
from cleanup.state_directory import StateDirectory
from cleanup.verify import Survivors, survivors

_log = structlog.get_logger()
_SAVE_EVERY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every command needs: where state lies, which webhook, where progress goes."""

    state: StateDirectory
    webhook: Webhook
    console: Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long an apply may take, and how much it may end; None: as the rules file says."""

    seconds: float | None = None
    max_kill: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    document: Document
    exit_code: int
    #: Why it ended early, for a person; "" when it did not.
    message: str = ""


async def plan(
    setting: Setting, rules: RulesFile, *, checkpoint: Path | None, now: datetime | None, include_locked: bool
) -> Result:
    """Lists, judges and writes a plan; goes on with the listing of a checkpoint that was broken off."""
    _same_portal(rules, setting.webhook)
    if checkpoint is not None and (journal := _unfinished_plan(checkpoint, rules, setting.webhook)):
        return await _plan(setting, rules, lambda _: journal)
    run = setting.state.new_run(_clock())

    def create(probe: Probe) -> Journal:
        head = RunHead(
            run=run,
            portal=setting.webhook.portal,
            rules_file=str(rules.path),
            rules_digest=rules.digest,
            rules_source=rules.source,
            now=(now or probe.now or _clock()).astimezone(UTC).isoformat(),
            created=_clock().isoformat(),
            include_locked="yes" if include_locked else "",
        )
        return Journal.create(setting.state.checkpoint(run, checkpoint), head)

    return await _plan(setting, rules, create)


async def _plan(setting: Setting, rules: RulesFile, open_journal: Callable[[Probe], Journal]) -> Result:
    began = time.monotonic()
    async with _connected(setting, rules.pace) as connection:
        journal = open_journal(connection.probe)
        failure: CleanupError | None = None
        received: list[int] = []
        with journal:
            journal.begin_session("plan", _clock())

            def save() -> None:
                journal.save_usage(_usage(connection, began))

            async with anyio.create_task_group() as group:
                group.start_soon(_cancel_on_signal, received, group.cancel_scope, name="signals")
                try:
                    await _fill(journal, connection, rules, save)
                except CleanupError as error:
                    failure = error
                finally:
                    group.cancel_scope.cancel()
            save()
            return _planned(journal, failure, received)


async def _fill(journal: Journal, connection: Connection, rules: RulesFile, save: Callable[[], None]) -> None:
    templates = journal.templates()
    if templates is None:
        templates = await connection.reader.templates()
        journal.save_templates(templates)
    book = rules.book.resolve(templates)
    if journal.head().include_locked:
        book = replace(book, include_locked=True)
    await fill(journal, connection.reader, book, population=connection.probe.population, save=save)


def _planned(journal: Journal, failure: CleanupError | None, received: list[int]) -> Result:
    code, message = int(ExitCode.DONE), ""
    if received:
        code, message = 128 + received[0], "Stopped by a signal while listing."
    elif failure is not None:
        code, message = int(failure.exit_code), str(failure)
    return Result(document=document(journal, verb="plan", exit_code=code), exit_code=code, message=message)


def _unfinished_plan(path: Path, rules: RulesFile, webhook: Webhook) -> Journal | None:
    """The plan that was broken off in this file; None when there is no such file."""
    if not path.exists():
        return None
    journal = Journal.open(path)
    head = journal.head()
    same = (head.rules_digest, head.portal) == (rules.digest, webhook.portal)
    if journal.state() == "listing" and same:
        return journal
    journal.close()
    raise UsageError(f"The checkpoint {path} exists already and holds another plan; it is not overwritten.")


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
        guards.too_old(datetime.fromisoformat(head.created), _clock()),
        guards.changed_rules(head.rules_digest, _digest_now(head.rules_file), head.rules_file),
        *guards.refusals(
            selected=sum(journal.state_counts().values()),
            population=journal.population() or 0,
            limits=_limits(_rules_of(journal), window),
        ),
    ]
    return [reason for reason in reasons if reason]


def _refused(journal: Journal, reasons: list[str], verb: str) -> Result:
    code = int(ExitCode.SAFETY_STOP)
    shown = document(journal, verb=verb, exit_code=code)
    return Result(document=shown, exit_code=code, message="\n".join(["Nothing was ended.", *reasons]))


async def _apply(setting: Setting, journal: Journal, window: Window, verb: str) -> Result:
    rules, head, began = _rules_of(journal), journal.head(), time.monotonic()
    book = _book_of(journal, rules)
    judge = judge_as_planned(book, datetime.fromisoformat(head.now))
    stop, received = Stop(), list[int]()
    failure: CleanupError | None = None
    rehearsal: Rehearsal | None = None
    async with _connected(setting, rules.pace) as connection:
        if not window.dry_run:
            journal.begin_apply(_clock())
        journal.begin_session(verb, _clock())
        work = Apply(
            journal,
            connection.reader,
            Ender(connection.line),
            judge=judge,
            limits=_limits(rules, window),
            status=_status,
            stop=stop,
            clock=_clock,
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
        journal.save_usage(_usage(connection, began))
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
    _same_portal(rules, setting.webhook)
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
                young = not guards.too_old(datetime.fromisoformat(head.created), _clock())
                if same and young and journal.first_applied() and journal.state() != "finished":
                    return path
        except UsageError as error:
            _log.warning("run.checkpoint_unreadable", checkpoint=str(path), error=str(error))
    return None


async def verify(setting: Setting, journal: Journal) -> tuple[Survivors, int]:
    """Asks the portal again about all that the journal calls ended."""
    if reason := guards.other_portal(journal.head().portal, setting.webhook.portal):
        raise SafetyStop(reason)
    async with _connected(setting, _rules_of(journal).pace) as connection:
        found = await survivors(journal, connection.reader)
    return found, int(ExitCode.SOME_FAILED if found.survived else ExitCode.DONE)


async def inventory(setting: Setting) -> Survey:
    """Lists the whole portal and counts."""
    async with _connected(setting, Pace()) as connection:
        return await survey(connection.reader, connection.probe.now or _clock())


async def explain_by_rules(setting: Setting, rules: RulesFile, identity: str, now: datetime | None) -> Told:
    """Judges the portal's one instance. Raises UsageError when the portal does not have it."""
    _same_portal(rules, setting.webhook)
    async with _connected(setting, rules.pace) as connection:
        templates = await connection.reader.templates()
        instance = await _the_instance(connection, identity)
        book = rules.book.resolve(templates)
        return _told(book, instance, now or connection.probe.now or _clock(), templates, "as the portal has it now")


def explain_entry(journal: Journal, identity: str) -> Told | None:
    """Judges an instance as the run recorded it; None: the run selected no such instance."""
    entry = journal.entry(identity)
    if entry is None:
        return None
    book, now = _book_of(journal, _rules_of(journal)), datetime.fromisoformat(journal.head().now)
    error = f": {entry.error}" if entry.error else ""
    source = f"as run {journal.head().run} recorded it ({entry.state}{error})"
    return _told(book, entry.instance, now, journal.templates() or {}, source)


async def explain_by_run(setting: Setting, journal: Journal, identity: str) -> Told:
    """The same for an instance that the run left alone: by its rules and its now, on the portal's present word."""
    if reason := guards.other_portal(journal.head().portal, setting.webhook.portal):
        raise SafetyStop(reason)
    rules = _rules_of(journal)
    async with _connected(setting, rules.pace) as connection:
        instance = await _the_instance(connection, identity)
    source = f"not selected by run {journal.head().run}; as the portal has it now"
    now = datetime.fromisoformat(journal.head().now)
    return _told(_book_of(journal, rules), instance, now, journal.templates() or {}, source)


async def _the_instance(connection: Connection, identity: str) -> Instance:
    found = await connection.reader.look_up([identity])
    if identity not in found:
        raise UsageError(
            f"{connection.reader.portal} has no running instance {identity}. It ended, or the id is wrong."
        )
    return found[identity]


def _told(book: RuleBook, instance: Instance, now: datetime, templates: Mapping[int, str], source: str) -> Told:
    return Told(
        instance=instance,
        now=now,
        template=templates.get(instance.template_id or 0),
        source=source,
        explanation=explain(book, instance, now),
    )


async def check(setting: Setting) -> Connection:
    """Probes the portal. The connection is closed when this returns; its probe is what is wanted."""
    async with connect(
        setting.webhook, Pace(), memory=setting.state.memory(setting.webhook.portal), clock=_clock
    ) as connection:
        return connection


@asynccontextmanager
async def _connected(setting: Setting, pace: Pace) -> AsyncIterator[Connection]:
    """A portal whose webhook may list and end instances. Raises AccessError or another CleanupError."""
    memory = setting.state.memory(setting.webhook.portal)
    async with connect(setting.webhook, pace, memory=memory, clock=_clock) as connection:
        require_rights(connection.probe, setting.webhook.portal)
        yield connection


def require_rights(probe: Probe, portal: str) -> None:
    """Raises when the probe showed that the webhook cannot do the work."""
    if probe.refusal is not None:
        raise probe.refusal
    if probe.administrator is False:
        raise AccessError(f"The owner of the webhook is no administrator of {portal}. Let an administrator create it.")
    if probe.kill_exists is False:
        raise AccessError(f"{portal} has no method to end workflows: its plan lacks business processes.")


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


async def _cancel_on_signal(received: list[int], scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(int(number))
            scope.cancel()


async def _stop_after(stop: Stop, seconds: float | None) -> None:
    if seconds is not None:
        await anyio.sleep(seconds)
        stop.ask()


async def _keep_usage(journal: Journal, connection: Connection, began: float) -> None:
    while True:
        await anyio.sleep(_SAVE_EVERY)
        journal.save_usage(_usage(connection, began))


def _usage(connection: Connection, began: float) -> Usage:
    counters, pacer = connection.line.counters, connection.line.pacer
    return Usage(
        sent=counters.sent,
        retried=counters.retried,
        query_limit=counters.query_limit,
        operation_limit=counters.operation_limit,
        wall=time.monotonic() - began,
        waiting_rate=pacer.waiting_rate.seconds,
        waiting_operating=pacer.waiting_operating.seconds,
    )


def _same_portal(rules: RulesFile, webhook: Webhook) -> None:
    if rules.portal is not None and rules.portal != webhook.portal:
        raise SafetyStop(
            f"The rules file is for {rules.portal}, but the webhook is of {webhook.portal}. Nothing was done."
        )


def _rules_of(journal: Journal) -> RulesFile:
    head = journal.head()
    return parse_rules(head.rules_source, head.rules_file)


def _book_of(journal: Journal, rules: RulesFile) -> RuleBook:
    book = rules.book.resolve(journal.templates() or {})
    return replace(book, include_locked=bool(journal.head().include_locked))


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


def _clock() -> datetime:
    return datetime.now(UTC)
