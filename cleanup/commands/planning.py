"""`plan`: lists, judges and writes a plan, or goes on with one whose listing was broken off."""

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio

from cleanup.commands.connection import Result, Setting, clock, connected, same_portal, usage
from cleanup.config import RulesFile
from cleanup.errors import CleanupError, ExitCode, UsageError
from cleanup.journal import Journal, RunHead
from cleanup.plan import fill
from cleanup.portal.auth import Webhook
from cleanup.portal.client import Probe
from cleanup.portal.connect import Connection
from cleanup.reports.document import document


async def plan(
    setting: Setting, rules: RulesFile, *, checkpoint: Path | None, now: datetime | None, include_locked: bool
) -> Result:
    """Lists, judges and writes a plan; goes on with the listing of a checkpoint that was broken off."""
    same_portal(rules, setting.webhook)
    if checkpoint is not None and (journal := _unfinished_plan(checkpoint, rules, setting.webhook)):
        return await _plan(setting, rules, lambda _: journal)
    run = setting.state.new_run(clock())

    def create(probe: Probe) -> Journal:
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

    return await _plan(setting, rules, create)


async def _plan(setting: Setting, rules: RulesFile, open_journal: Callable[[Probe], Journal]) -> Result:
    began = time.monotonic()
    async with connected(setting, rules.pace) as connection:
        journal = open_journal(connection.probe)
        failure: CleanupError | None = None
        received: list[int] = []
        with journal:
            journal.begin_session("plan", clock())

            def save() -> None:
                journal.save_usage(usage(connection, began))

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


async def _cancel_on_signal(received: list[int], scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            received.append(int(number))
            scope.cancel()
