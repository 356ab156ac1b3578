"""`plan`: lists, judges and writes a plan, or goes on with one whose listing was broken off."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog

from cleanup import guards
from cleanup.commands.connection import (
    Result,
    Setting,
    clock,
    connected,
    only_a_rehearsal,
    require_answers,
    same_portal,
    told_of,
    usage,
)
from cleanup.commands.recorded import resolved, rules_of
from cleanup.config import RulesFile
from cleanup.errors import CleanupError, UsageError
from cleanup.journal import Journal, RunHead
from cleanup.limits import GUESSES, forecast
from cleanup.model import Decision
from cleanup.plan import fill
from cleanup.portal import learned
from cleanup.portal.connect import Connection, pacing
from cleanup.progress import ListingMeter, watch_listing
from cleanup.reports.document import Document, document
from cleanup.rules import Asked, RuleBook
from cleanup.rules.asked import asked
from cleanup.rules.idle import idle
from cleanup.state_directory import lock_checkpoint
from cleanup.stop import Stop, obeying

_log = structlog.get_logger()


async def plan(
    setting: Setting,
    rules: RulesFile,
    *,
    checkpoint: Path | None,
    now: datetime | None,
    include_locked: bool,
    record: str = "selected",
    rehearsal: bool = False,
) -> Result:
    """Lists, judges and writes a plan; goes on with the listing of a checkpoint that was broken off.

    A rehearsal is for a sandbox on this machine, also where the rules file is for another portal.
    """
    if rehearsal:
        only_a_rehearsal(setting.authorization)
    else:
        same_portal(rules, setting.authorization)
    stop = Stop()
    listing = Listing(
        setting,
        rules,
        checkpoint=checkpoint,
        now=now,
        include_locked=include_locked,
        verb="plan",
        record=record,
        rehearsal=rehearsal,
    )
    async with obeying(stop, seconds=None, tell=setting.tell):
        await listing.do(stop)
    return listing.result(stop)


class Listing:
    """One listing of a portal into a journal, for a caller that obeys signals."""

    def __init__(
        self,
        setting: Setting,
        rules: RulesFile,
        *,
        checkpoint: Path | None,
        now: datetime | None,
        include_locked: bool,
        verb: str,
        record: str = "selected",
        rehearsal: bool = False,
    ) -> None:
        self._rehearsal = rehearsal
        self._setting, self._rules, self._verb, self._record = setting, rules, verb, record
        self._checkpoint, self._now, self.include_locked = checkpoint, now, include_locked
        self._path: Path | None = None
        #: What a complete plan tells beside its counts.
        self._notes: Document = {}

    def is_to_fill(self, path: Path) -> bool:
        """Whether the plan is to be written into this very file."""
        return self._checkpoint is not None and self._checkpoint.expanduser().absolute() == path.absolute()

    async def do(self, stop: Stop) -> None:
        """Raises CleanupError when there is no journal yet. What goes wrong later is told by `result`."""
        began = time.monotonic()
        unfinished = self._unfinished()
        async with connected(self._setting, self._rules.pace, stop) as connection:
            require_answers(connection.probe, self._rules.book.asks(), self._setting.authorization)
            with stop.interrupts():
                templates = (unfinished.templates() if unfinished else None) or await connection.reader.templates()
                book = resolved(self._rules, templates)
                journal = unfinished or self._new_journal(connection)
                with journal, lock_checkpoint(journal.path), told_of(journal):
                    self._path = journal.path
                    journal.save_templates(templates)
                    journal.begin_session("plan", clock())
                    _log.info("plan.began", rules=journal.head().rules_file, digest=journal.head().rules_digest)
                    await self._fill(journal, connection, book, stop, began)
        if self._path is None:
            raise stop.raised()

    async def _fill(self, journal: Journal, connection: Connection, book: RuleBook, stop: Stop, began: float) -> None:
        def save() -> None:
            journal.save_usage(usage(connection, began))

        book = replace(book, include_locked=bool(journal.head().include_locked))
        meter = ListingMeter(journal, connection.line, connection.probe.population)
        async with anyio.create_task_group() as beside:
            beside.start_soon(watch_listing, meter, self._setting.console, name="progress")
            try:
                await fill(
                    journal,
                    connection.reader,
                    book,
                    population=connection.probe.population,
                    present=connection.present,
                    save=save,
                )
            except CleanupError as error:
                stop.ask(error)
            else:
                self._notes = self._told(journal, connection, book)
            finally:
                beside.cancel_scope.cancel()
                save()
                _log.info("plan.done", listed=journal.listed(), selected=sum(journal.state_counts().values()))

    def _told(self, journal: Journal, connection: Connection, book: RuleBook) -> Document:
        templates = journal.templates() or {}
        return {
            "forecast": _forecast(journal, self._setting, connection, self._rules),
            "templates": [
                {"rule": meant.rule, "templates": {str(number): name for number, name in meant.templates.items()}}
                for meant in book.named_templates(templates)
            ],
            "warnings": [
                *_warnings(journal, self._rules, templates, present=connection.present()),
                *(_not_rehearsed(self._rules.book) if self._rehearsal else ()),
            ],
        }

    def result(self, stop: Stop) -> Result:
        if self._path is None:
            raise stop.raised()
        with Journal.open(self._path, readonly=True) as journal:
            if journal.state() != "listing":
                return Result(document=document(journal, verb=self._verb, exit_code=0) | self._notes, exit_code=0)
            code, message = stop.reason()
            shown = document(journal, verb=self._verb, exit_code=code)
            return Result(document=shown, exit_code=code, message=f"{message}\nGo on with: {resume_plan(journal)}")

    def _new_journal(self, connection: Connection) -> Journal:
        run, present = self._setting.state.new_run(clock()), connection.present()
        head = RunHead(
            run=run,
            portal=self._setting.authorization.portal,
            rules_file=str(self._rules.path.absolute()),
            rules_digest=self._rules.digest,
            rules_source=self._rules.source,
            now=(self._now or present).astimezone(UTC).isoformat(),
            created=clock().isoformat(),
            include_locked="yes" if self.include_locked else "",
            record=self._record,
            present=present.astimezone(UTC).isoformat(),
        )
        return Journal.create(self._setting.state.checkpoint(run, self._checkpoint), head)

    def _recorded_enough(self, journal: Journal) -> Journal:
        if self._record != "all" or journal.records_all():
            return journal
        journal.close()
        raise UsageError(
            f"The plan in {journal.path} was begun without --record all, so it lacks instances that were listed "
            "already. Name another file, or go on without --record all."
        )

    def _unfinished(self) -> Journal | None:
        """The plan that was broken off in the checkpoint file; None when there is no such file."""
        path = self._checkpoint
        if path is None or not path.exists():
            return None
        if not path.is_file():
            raise UsageError(f"The checkpoint {path} is no file. Name another one.")
        if not path.is_symlink() and path.stat().st_size == 0:
            path.unlink()  # somebody made the name, and nothing is lost with it
            return None
        journal = Journal.open(path)
        head = journal.head()
        same = (head.rules_digest, head.portal, bool(head.include_locked)) == (
            self._rules.digest,
            self._setting.authorization.portal,
            self.include_locked,
        )
        if journal.state() == "listing" and same:
            return self._recorded_enough(journal)
        journal.close()
        raise UsageError(
            f"The checkpoint {path} exists already and holds another plan; it is not overwritten. "
            "Name another file, or leave --checkpoint out."
        )


def resume_plan(journal: Journal) -> str:
    """The command that goes on with a listing that was broken off."""
    head = journal.head()
    words = ["plan", head.rules_file, "--checkpoint", str(journal.path)]
    if head.include_locked:
        words.append("--include-locked")
    if rules_of(journal).portal not in {None, head.portal}:
        words.append("--rehearsal")
    return f"b24-cleanup {shlex.join(words)}"


def _forecast(journal: Journal, setting: Setting, connection: Connection, rules: RulesFile) -> Document:
    """How long apply will take, from what was measured on this portal; else from a guess at least and at most."""
    counts = list(journal.open_counts().values())
    known = learned.load(setting.state.learned(journal.head().portal))
    bases = (known,) if known else GUESSES
    told = [forecast(counts, basis, pacing(connection.line.pacer, rules.pace)) for basis in bases]
    return {
        "measured": known is not None,
        "seconds": [round(each.seconds, 1) for each in (told[0], told[-1])],
        "requests": [each.requests for each in (told[0], told[-1])],
        "waits_for": told[-1].bound.value,
    }


def _not_rehearsed(book: RuleBook) -> list[str]:
    """A copy of a portal has its instances and templates; what else rules ask for is not in it."""
    entries = [(entry.id, entry.match) for entry in book.protect] + [(rule.id, rule.match) for rule in book.rules]
    names = [name for name, match in entries if asked(match) - {Asked.SIBLINGS}]
    told = "A copy of a portal has no users, tasks and documents, so on a copy this is not rehearsed: "
    return [f"{told}{', '.join(names)}."] if names else []


def _warnings(journal: Journal, rules: RulesFile, templates: Mapping[int, str], *, present: datetime) -> list[str]:
    """What a person should look at before this plan is applied."""
    now = datetime.fromisoformat(journal.head().now)
    early = guards.not_yet(now, present)
    used = {count.rule for count in journal.tally() if count.decision in {Decision.SELECTED, Decision.KEPT}}
    found = [f"Rule {rule.id} selected nothing." for rule in rules.book.rules if rule.id not in used]
    for rule in rules.book.rules:
        if rule.ends and rule.id in used:
            unused = idle(rule.match, journal.instances_of(rule.id), now, templates)
            found += [f"Rule {rule.id} selected nothing by {text}." for text in unused]
    found += [
        f"Rule {unmatched.rule}: no template of this portal is called {unmatched.pattern}."
        for unmatched in rules.book.unmatched_patterns(templates)
    ]
    meaningless = guards.meaningless_percent(population=journal.population() or 0, limits=rules.limits)
    return found + [told for told in (meaningless, early) if told]
