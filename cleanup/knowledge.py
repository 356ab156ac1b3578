"""Asks the portal what a book wants to know beyond the rows, and hands the instances on with these facts.

Only for instances whose judgement depends on it, and only what the book asks for. `Planning` asks for all of a plan,
and remembers; `Rechecking` asks anew about a few, right before they are ended.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from cleanup.model import Action, Entry, Facts, Instance, Standing
from cleanup.portal.client import LOOK_UP_LIMIT, Reader
from cleanup.portal.documents import Documents, Element, element
from cleanup.portal.people import Part, all_parts, at_work, parts_of
from cleanup.rules import Asked, RuleBook

_log = structlog.get_logger()
#: Of one instance: IDs of newer ones of its document; None: it cannot be told.
Newer = Callable[[Instance], tuple[str, ...] | None]


class Planning:
    """What a plan needs to know. Users and tasks are asked for once; documents for each stretch of the listing."""

    def __init__(self, reader: Reader, book: RuleBook, now: datetime, newer: Newer) -> None:
        self._reader, self._book, self._now, self._newer = reader, book, now, newer
        self._asks = book.asks()
        self._documents = Documents(reader)
        self._users = _Users(reader)
        #: By instance, of those with a running task: the standings of the users that it waits for.
        self._assignees: dict[str, frozenset[Standing]] | None = None

    async def of(self, instances: Sequence[Instance]) -> list[Instance]:
        """The same instances in the same order. Raises PortalError."""
        wanted = [row for row in instances if self._asks and self._book.wants(row, self._now)]
        if not wanted:
            return list(instances)
        facts = await _Facts.asked(self._asks, wanted, self._documents, self._users)
        assignees = await self._all_assignees() if Asked.TASKS in self._asks else None
        told = {row.id: facts.of(row, assignees, self._newer) for row in wanted}
        return [replace(row, facts=told[row.id]) if row.id in told else row for row in instances]

    async def _all_assignees(self) -> Mapping[str, frozenset[Standing]]:
        """The list is complete when it comes to its end, so an instance that is not in it waits for nobody."""
        if self._assignees is None:
            found: dict[str, frozenset[Standing]] = {}
            count = 0
            async for parts in all_parts(self._reader):
                count += len(parts)
                await self._users.ask(part.user for part in parts)
                _add(found, parts, self._users)
            self._assignees = found
            _log.info("plan.tasks_done", parts=count, instances=len(found))
        return self._assignees


class Rechecking:
    """The portal's present word about entries, with all facts asked anew: what was true of a plan may have changed."""

    def __init__(self, reader: Reader, book: RuleBook, now: datetime) -> None:
        self._reader, self._book, self._now = reader, book, now
        self._asks = book.asks()
        self._documents = Documents(reader)

    async def look_up(self, entries: Sequence[Entry]) -> dict[str, Instance]:
        """Those that are still running, by ID. Raises PortalError."""
        return (await self.look_up_at(entries))[0]

    async def look_up_at(self, entries: Sequence[Entry]) -> tuple[dict[str, Instance], float]:
        """The same, and as of when on the monotonic clock; facts were asked later."""
        found, as_of = await self._reader.look_up_at([entry.id for entry in entries])
        return await self._with_facts(found, entries), as_of

    async def _with_facts(self, found: dict[str, Instance], entries: Sequence[Entry]) -> dict[str, Instance]:
        planned = {entry.id: entry.instance for entry in entries}
        wanted = [row for row in found.values() if self._asks and self._book.wants(row, self._now)]
        if not wanted:
            return found
        siblings = await self._siblings(planned[row.id] for row in wanted)
        facts = await _Facts.asked(self._asks, wanted, self._documents, users := _Users(self._reader))
        assignees = await self._assignees(wanted, users) if Asked.TASKS in self._asks else None

        def newer(row: Instance) -> tuple[str, ...] | None:
            return _still_newer(row, planned[row.id].facts.newer, siblings)

        return found | {row.id: replace(row, facts=facts.of(row, assignees, newer)) for row in wanted}

    async def _siblings(self, planned: Iterable[Instance]) -> dict[str, Instance]:
        """The newer instances that the plan knew of, as far as they still run."""
        wanted = sorted({identity for row in planned for identity in row.facts.newer or ()})
        found: dict[str, Instance] = {}
        for at in range(0, len(wanted), LOOK_UP_LIMIT):
            found.update(await self._reader.look_up(wanted[at : at + LOOK_UP_LIMIT]))
        return found

    async def _assignees(self, wanted: Sequence[Instance], users: "_Users") -> dict[str, frozenset[Standing]]:
        parts = await parts_of(self._reader, [row.id for row in wanted])
        await users.ask(part.user for part in parts)
        found: dict[str, frozenset[Standing]] = {}
        _add(found, parts, users)
        return found


async def explained(reader: Reader, book: RuleBook, now: datetime, identity: str) -> Instance | None:
    """One instance with what the book asks about it; None: it does not run."""
    row = (await reader.look_up([identity])).get(identity)
    if row is None:
        return None
    newer: tuple[str, ...] | None = None
    if Asked.SIBLINGS in book.asks() and None not in _document(row):
        siblings = await reader.of_document(row.document_id or "")
        newest = sorted((each for each in siblings if _is_newer(each, row)), key=_age, reverse=True)
        told = all(each.started is not None for each in siblings if _document(each) == _document(row))
        newer = tuple(each.id for each in newest[: book.most_kept()]) if told else None
    entry = Entry(instance=replace(row, facts=Facts(newer=newer)), rule="", action=Action.KEEP, reason="")
    return (await Rechecking(reader, book, now).look_up([entry])).get(identity)


def _age(row: Instance) -> tuple[str, str]:
    return ("" if row.started is None else row.started.isoformat(), row.id)


class _Users:
    """The standings of users, each asked for once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._standings: dict[int, Standing] = {}

    async def ask(self, users: Iterable[int]) -> None:
        if new := set(users) - self._standings.keys():
            told = await at_work(self._reader, new)
            self._standings |= {user: _standing(told.get(user)) for user in new}

    def of(self, user: int) -> Standing:
        return self._standings[user]


def _standing(active: bool | None) -> Standing:
    if active is None:
        return Standing.UNKNOWN
    return Standing.ACTIVE if active else Standing.DISMISSED


def _add(found: dict[str, frozenset[Standing]], parts: Iterable[Part], users: _Users) -> None:
    for part in parts:
        found[part.instance] = _with(found.get(part.instance, frozenset()), users.of(part.user))


def _with(standings: frozenset[Standing], one: Standing) -> frozenset[Standing]:
    """The set with one more, always the same object for the same set: there are eight, for any number of instances."""
    return standings if one in standings else _SETS[frozenset({*standings, one})]


_ONES = [frozenset({one}) for one in Standing]
_SETS = {each: each for each in [*_ONES, *(one | other for one in _ONES for other in _ONES), frozenset(Standing)]}


class _Facts:
    """What was asked about some instances."""

    def __init__(self, asks: Collection[Asked], existing: Mapping[Element, bool], users: _Users) -> None:
        self._asks, self._existing, self._users = asks, existing, users

    @classmethod
    async def asked(
        cls, asks: Collection[Asked], wanted: Sequence[Instance], documents: Documents, users: _Users
    ) -> "_Facts":
        elements = [each for row in wanted if (each := element(row)) is not None]
        existing = await documents.exist(elements) if Asked.DOCUMENTS in asks and elements else {}
        if Asked.USERS in asks:
            await users.ask(row.started_by for row in wanted if row.started_by is not None)
        return cls(asks, existing, users)

    def of(self, row: Instance, assignees: Mapping[str, frozenset[Standing]] | None, newer: Newer) -> Facts:
        starter = row.started_by if Asked.USERS in self._asks else None
        return Facts(
            starter=None if starter is None else self._users.of(starter),
            assignees=None if assignees is None else assignees.get(row.id, frozenset()),
            document_exists=None if (about := element(row)) is None else self._existing.get(about),
            newer=newer(row) if Asked.SIBLINGS in self._asks else None,
        )


def _still_newer(
    row: Instance, planned: tuple[str, ...] | None, siblings: Mapping[str, Instance]
) -> tuple[str, ...] | None:
    """Of the newer instances that the plan knew of, those that still run and are of the same document and template."""
    if planned is None:
        return None
    return tuple(identity for identity in planned if _is_newer(siblings.get(identity), row))


def _is_newer(sibling: Instance | None, row: Instance) -> bool:
    if sibling is None or sibling.started is None or row.started is None:
        return False
    return _document(sibling) == _document(row) and (sibling.started, sibling.id) > (row.started, row.id)


def _document(row: Instance) -> tuple[object, ...]:
    return row.module, row.entity, row.document_id, row.template_id
