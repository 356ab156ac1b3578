"""The verbs that only ask: `verify`, `inventory`, `explain`."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cleanup import guards
from cleanup.commands.connection import Setting, clock, connected, require_answers, same_portal
from cleanup.commands.recorded import book_of, resolved, rules_of
from cleanup.compare import compare
from cleanup.config import RulesFile
from cleanup.config.settings import Pace
from cleanup.errors import ExitCode, SafetyStop, UsageError
from cleanup.inventory import Survey, survey
from cleanup.journal import Journal
from cleanup.knowledge import explained
from cleanup.model import Instance
from cleanup.portal.connect import Connection
from cleanup.reports.document import Document
from cleanup.reports.explanation import Told
from cleanup.rules import RuleBook
from cleanup.rules.explain import explain
from cleanup.verify import Survivors, survivors


async def verify(setting: Setting, journal: Journal) -> tuple[Survivors, int]:
    """Asks the portal again about all that the journal calls ended."""
    if reason := guards.other_portal(journal.head().portal, setting.authorization.portal):
        raise SafetyStop(reason)
    async with connected(setting, rules_of(journal).pace) as connection:
        found = await survivors(journal, connection.reader)
    return found, int(ExitCode.SOME_FAILED if found.survived else ExitCode.DONE)


async def inventory(setting: Setting) -> Survey:
    """Lists the whole portal and counts."""
    async with connected(setting, Pace()) as connection:
        return await survey(connection.reader, connection.probe.now or clock())


def difference(old: Path, new: Path) -> Document:
    """What the run in `new` selects otherwise than the one in `old`. Raises UsageError for runs of two portals."""
    with Journal.open(old, readonly=True) as before, Journal.open(new, readonly=True) as after:
        head = before.head()
        if reason := guards.other_portal(head.portal, after.head().portal):
            raise UsageError(f"{reason} There is nothing to compare.")
        found = compare(*((entry for entry, _, _ in journal.entries()) for journal in (before, after)))
    return {
        "run": head.run,
        "same": found.same,
        "new": [{"id": entry.id, "rule": entry.rule} for entry in found.new],
        "no_longer": [{"id": entry.id, "rule": entry.rule} for entry in found.no_longer],
        "other_rule": [{"id": move.id, "from": move.old, "to": move.new} for move in found.moved],
    }


async def explain_by_rules(setting: Setting, rules: RulesFile, identity: str, now: datetime | None) -> Told:
    """Judges the portal's one instance. Raises UsageError when the portal does not have it."""
    same_portal(rules, setting.authorization)
    async with connected(setting, rules.pace) as connection:
        require_answers(connection.probe, rules.book.asks(), setting.authorization)
        templates = await connection.reader.templates()
        book, present = resolved(rules, templates), now or connection.probe.now or clock()
        instance = await _the_instance(connection, book, present, identity)
        return _told(book, instance, present, templates, "as the portal has it now")


def explain_entry(journal: Journal, identity: str) -> Told | None:
    """Judges an instance as the run recorded it; None: the run selected no such instance."""
    entry = journal.entry(identity)
    if entry is None:
        return None
    book, now = book_of(journal, rules_of(journal)), datetime.fromisoformat(journal.head().now)
    error = f": {entry.error}" if entry.error else ""
    source = f"as run {journal.head().run} recorded it ({entry.state}{error})"
    return _told(book, entry.instance, now, journal.templates() or {}, source)


async def explain_by_run(setting: Setting, journal: Journal, identity: str) -> Told:
    """The same for an instance that the run left alone: by its rules and its now, on the portal's present word."""
    if reason := guards.other_portal(journal.head().portal, setting.authorization.portal):
        raise SafetyStop(reason)
    rules = rules_of(journal)
    async with connected(setting, rules.pace) as connection:
        require_answers(connection.probe, rules.book.asks(), setting.authorization)
        book, now = book_of(journal, rules), datetime.fromisoformat(journal.head().now)
        instance = await _the_instance(connection, book, now, identity)
    source = f"not selected by run {journal.head().run}; as the portal has it now"
    return _told(book, instance, now, journal.templates() or {}, source)


async def _the_instance(connection: Connection, book: RuleBook, now: datetime, identity: str) -> Instance:
    found = await explained(connection.reader, book, now, identity)
    if found is None:
        raise UsageError(
            f"{connection.reader.portal} has no running instance {identity}. It ended, or the id is wrong."
        )
    return found


def _told(book: RuleBook, instance: Instance, now: datetime, templates: Mapping[int, str], source: str) -> Told:
    return Told(
        instance=instance,
        now=now,
        template=templates.get(instance.template_id or 0),
        source=source,
        explanation=explain(book, instance, now),
    )
