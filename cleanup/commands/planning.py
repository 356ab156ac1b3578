"""`plan`: lists, judges and writes a plan, or goes on with one whose listing was broken off."""

import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio

from cleanup import guards
from cleanup.commands.connection import Result, Setting, clock, connected, same_portal, usage
from cleanup.config import RulesFile
from cleanup.errors import CleanupError, ExitCode, UsageError
from cleanup.journal import Journal, RunHead
from cleanup.limits import GUESSES, forecast
from cleanup.model import Decision
from cleanup.plan import fill
from cleanup.portal import learned
from cleanup.portal.auth import Webhook
from cleanup.portal.client import Probe
from cleanup.portal.connect import Connection, pacing
from cleanup.reports.document import Document, document
from cleanup.rules import RuleBook, UnknownTemplates
from cleanup.rules.idle import idle


async def plan(
    setting: Setting, rules: RulesFile, *, checkpoint: Path | None, now: datetime | None, include_locked: bool
) -> Result:
    """Lists, judges and writes a plan; goes on with the listing of a checkpoint that was broken off."""
    same_portal(rules, setting.webhook)
    began = time.monotonic()
    unfinished = _unfinished_plan(checkpoint, rules, setting.webhook) if checkpoint is not None else None
    async with connected(setting, rules.pace) as connection:
        templates = (unfinished.templates() if unfinished else None) or await connection.reader.templates()
        book = _resolved(rules, templates)
        journal = unfinished or _new_journal(
            setting, rules, connection.probe, checkpoint=checkpoint, now=now, include_locked=include_locked
        )
        with journal:
            journal.save_templates(templates)
            locked_too = bool(journal.head().include_locked)
            result = await _list(journal, connection, replace(book, include_locked=locked_too), began)
            if not result.exit_code:
                result.document["forecast"] = _forecast(journal, setting, connection, rules)
                result.document["warnings"] = _warnings(journal, rules, templates)
            return result


def _resolved(rules: RulesFile, templates: Mapping[int, str]) -> RuleBook:
    try:
        return rules.book.resolve(templates)
    except UnknownTemplates as error:
        raise UsageError(f"the rules file names templates that the portal does not have.\n{error}") from error


def _new_journal(
    setting: Setting,
    rules: RulesFile,
    probe: Probe,
    *,
    checkpoint: Path | None,
    now: datetime | None,
    include_locked: bool,
) -> Journal:
    run = setting.state.new_run(clock())
    head = RunHead(
        run=run,
        portal=setting.webhook.portal,
        rules_file=str(rules.path),
        rules_digest=rules.digest,
        rules_source=rules.source,
        now=(now or probe.now or clock()).astimezone(UTC).isoformat(),
        created=clock().isoformat(),
        include_locked="yes" if include_locked else "",
    )
    return Journal.create(setting.state.checkpoint(run, checkpoint), head)


async def _list(journal: Journal, connection: Connection, book: RuleBook, began: float) -> Result:
    """Lists under signals, and tells how that went."""
    failure: CleanupError | None = None
    received: list[int] = []
    journal.begin_session("plan", clock())

    def save() -> None:
        journal.save_usage(usage(connection, began))

    async with anyio.create_task_group() as group:
        group.start_soon(_cancel_on_signal, received, group.cancel_scope, name="signals")
        try:
            await fill(journal, connection.reader, book, population=connection.probe.population, save=save)
        except CleanupError as error:
            failure = error
        finally:
            group.cancel_scope.cancel()
    save()
    return _planned(journal, failure, received)


def _planned(journal: Journal, failure: CleanupError | None, received: list[int]) -> Result:
    code, message = int(ExitCode.DONE), ""
    if received:
        code, message = 128 + received[0], "Stopped by a signal while listing."
    elif failure is not None:
        code, message = int(failure.exit_code), str(failure)
    return Result(document=document(journal, verb="plan", exit_code=code), exit_code=code, message=message)


def _forecast(journal: Journal, setting: Setting, connection: Connection, rules: RulesFile) -> Document:
    """How long apply will take, from what was measured on this portal; else from a guess at least and at most."""
    counts = list(journal.action_counts().values())
    known = learned.load(setting.state.learned(journal.head().portal))
    bases = (known,) if known else GUESSES
    told = [forecast(counts, basis, pacing(connection.line.pacer, rules.pace)) for basis in bases]
    return {
        "measured": known is not None,
        "seconds": [round(each.seconds, 1) for each in (told[0], told[-1])],
        "requests": [each.requests for each in (told[0], told[-1])],
        "waits_for": told[-1].bound.value,
    }


def _warnings(journal: Journal, rules: RulesFile, templates: Mapping[int, str]) -> list[str]:
    """What a person should look at before this plan is applied."""
    now = datetime.fromisoformat(journal.head().now)
    used = {count.rule for count in journal.tally() if count.decision in {Decision.SELECTED, Decision.KEPT}}
    found = [f"Rule {rule.id} selected nothing." for rule in rules.book.rules if rule.id not in used]
    for rule in rules.book.rules:
        if rule.ends and rule.id in used:
            unused = idle(rule.match, journal.instances_of(rule.id), now, templates)
            found += [f"Rule {rule.id} selected nothing by {text}." for text in unused]
    meaningless = guards.meaningless_percent(population=journal.population() or 0, limits=rules.limits)
    return found + ([meaningless] if meaningless else [])


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


async def _cancel_on_signal(received: list[int], scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(int(number))
            scope.cancel()
