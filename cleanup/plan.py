"""Fills a journal: lists the portal, judges every instance, writes the selected. Changes nothing on the portal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from cleanup import guards
from cleanup.errors import SafetyStop
from cleanup.journal import Journal
from cleanup.knowledge import Planning
from cleanup.listing import stretches
from cleanup.model import Decision, Instance, Verdict
from cleanup.portal.client import Reader
from cleanup.rules import Asked, RuleBook

#: IDs and start times of one portal may come from machines whose clocks differ by as much.
_CLOCKS = timedelta(hours=1)
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_log = structlog.get_logger()


async def fill(
    journal: Journal,
    reader: Reader,
    book: RuleBook,
    *,
    population: int | None,
    present: Callable[[], datetime],
    save: Callable[[], None],
) -> None:
    """Goes on from the journal's bookmark to a complete plan. `book` knows the portal's templates by now.

    `present` is the portal's clock, by which locks are judged, whatever the plan's "now" is.

    Raises SafetyStop when the listing cannot be the whole list; then the plan stays incomplete and cannot be applied.
    """
    head = journal.head()
    now = datetime.fromisoformat(head.now)
    newest = book.newest_start(now)
    until = now if newest is None or newest >= now else min(now, newest + _CLOCKS)
    if Asked.SIBLINGS in book.asks():
        await _know_siblings(journal, reader, save)
    knowledge = Planning(reader, book, now, lambda instance: journal.newer(instance, book.most_kept()))
    async for stretch in stretches(reader, journal.bookmark(), until):
        at = present()  # of all of a stretch: an earlier "now" sees no lock less
        instances = await knowledge.of(stretch.instances)
        judged = [(each, _told(book.judge(each, now, present=at), head.run)) for each in instances]
        journal.plan(judged, stretch.bookmark)
        save()
        _log.info("plan.page_done", instances=len(judged), bookmark=stretch.bookmark)
    if journal.records_all():
        await _copy_the_rest(journal, reader, save)
    await _finish(journal, reader, book, population=population, until=until)


async def _know_siblings(journal: Journal, reader: Reader, save: Callable[[], None]) -> None:
    """Lists the whole portal once before it is judged: an instance is an older duplicate by what comes behind it.

    Also what is too young for any rule counts, and what another rule protects or selects. What starts later is newer
    still, and takes nothing from that.
    """
    bookmark = journal.siblings_bookmark()
    if bookmark is None:
        return
    async for stretch in stretches(reader, bookmark, _ALWAYS):
        journal.add_siblings(stretch.instances, stretch.bookmark)
        save()
        _log.info("plan.siblings_done", instances=len(stretch.instances), bookmark=stretch.bookmark)
    journal.have_all_siblings()


async def _copy_the_rest(journal: Journal, reader: Reader, save: Callable[[], None]) -> None:
    """What is too young for any rule is not judged, but a copy of the portal has it."""
    async for stretch in stretches(reader, journal.copy_bookmark(), _ALWAYS):
        journal.copy(stretch.instances, stretch.bookmark)
        save()
        _log.info("plan.rest_copied", instances=len(stretch.instances), bookmark=stretch.bookmark)


def _told(verdict: Verdict, run: str) -> Verdict:
    """The verdict with its reason filled in for this run, when it is for the record."""
    if verdict.decision is not Decision.SELECTED or "{" not in verdict.reason:
        return verdict
    return replace(verdict, reason=verdict.reason.replace("{rule}", verdict.rule or "").replace("{run}", run))


async def _finish(journal: Journal, reader: Reader, book: RuleBook, *, population: int | None, until: datetime) -> None:
    for rule in book.rules:
        if rule.take is not None:
            journal.take(rule.id, rule.take.count, newest=rule.take.order == "newest")
    listed = sum(count.count for count in journal.tally())
    behind, beyond = await reader.count_around(journal.bookmark(), until)
    if reason := guards.cut_short(listed=listed, behind=behind, beyond=beyond):
        raise SafetyStop(reason)
    journal.finish_plan(population if population is not None else listed)


def judge_as_planned(book: RuleBook, now: datetime, present: Callable[[], datetime]) -> Callable[[Instance], Verdict]:
    """The judgement that `apply` repeats on the portal's present word: same rules, same now as the plan's.

    Only what is being executed is judged by the portal's clock, too.
    """
    return lambda instance: book.judge(instance, now, present=present())
