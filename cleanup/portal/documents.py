"""Whether documents are still there: CRM elements and tasks, by their IDs, many in a request. Only reads.

A list that leaves an element out says that it is gone only where it certainly shows what is there: so each call asks
for one more element that is known to exist, and what comes without that one is not believed, nor is a list with another
number of rows than the portal counts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cleanup.model import Instance
from cleanup.portal import wire
from cleanup.portal.client import Reader
from cleanup.portal.errors import AnswerLost
from cleanup.portal.wire import Call, CallAnswer, Json
from cleanup.rules import document_type

ITEMS = "crm.item.list"
TASKS = "tasks.task.list"
#: entityTypeId of CRM's own types: api-reference/crm/data-types.md of the official documentation.
_TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4, "quote": 7, "smart_invoice": 31}
#: Stands for tasks, which are no CRM type.
_TASK = 0
_DYNAMIC = re.compile(r"dynamic_([0-9]+)")
_AT_ONCE = wire.PAGE_SIZE - 1


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """A document that can be asked for: its entityTypeId, 0 for a task, and its number."""

    kind: int
    number: int


def element(instance: Instance) -> Element | None:
    """The document of an instance; None where nobody can be asked whether it is there."""
    name = document_type(instance)
    if name is None or instance.document_id is None:
        return None
    dynamic = _DYNAMIC.fullmatch(name)
    kind = int(dynamic[1]) if dynamic else _TASK if name == "task" else _TYPES.get(name)
    number = instance.document_id.rpartition("_")[2]
    if kind is None or len(number) > 18 or int(number) < 1:
        return None
    return Element(kind, int(number))


class Documents:
    """Asks which documents exist, and remembers one of each kind that does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: By kind the newest element at the time of asking; None: there is none to compare with.
        self._known: dict[int, int | None] = {}

    async def exist(self, elements: Iterable[Element]) -> dict[Element, bool]:
        """By document whether it is there; those of which it cannot be told are left out. Raises PortalError."""
        wanted = sorted(set(elements))
        found = await self._exist(wanted)
        # The one to compare with may have been deleted in the meantime: another one, once.
        left = [each for each in wanted if each not in found and self._known.get(each.kind) is not None]
        if left:
            self._known = {}
            found |= await self._exist(left)
        return found

    async def _exist(self, wanted: Sequence[Element]) -> dict[Element, bool]:
        await self._find_known({each.kind for each in wanted} - self._known.keys())
        groups = [
            (kind, numbers[at : at + _AT_ONCE])
            for kind, numbers in _by_kind(wanted).items()
            if self._known[kind] is not None
            for at in range(0, len(numbers), _AT_ONCE)
        ]
        found: dict[Element, bool] = {}
        for at in range(0, len(groups), wire.BATCH_LIMIT):
            some = groups[at : at + wire.BATCH_LIMIT]
            calls = [_call(kind, [*numbers, self._known[kind] or 0]) for kind, numbers in some]
            for (kind, numbers), answer in zip(some, await self._reader.ask(calls), strict=True):
                found.update(self._told(kind, numbers, answer))
        return found

    async def _find_known(self, kinds: Iterable[int]) -> None:
        wanted = sorted(kinds)
        for at in range(0, len(wanted), wire.BATCH_LIMIT):
            some = wanted[at : at + wire.BATCH_LIMIT]
            for kind, answer in zip(some, await self._reader.ask([_any_call(kind) for kind in some]), strict=True):
                numbers = self._numbers(kind, answer)
                self._known[kind] = max(numbers) if numbers else None

    def _told(self, kind: int, numbers: Sequence[int], answer: CallAnswer) -> dict[Element, bool]:
        known, shown = self._known[kind], self._numbers(kind, answer)
        if shown is None or known not in shown or answer.total != len(shown):
            return {}
        if not shown <= {*numbers, known}:
            raise AnswerLost(f"{self._reader.portal} ignored the filter by ID of {_method(kind)}.")
        return {Element(kind, number): number in shown for number in numbers}

    def _numbers(self, kind: int, answer: CallAnswer) -> set[int] | None:
        """The numbers in an answer; None where the portal has no such type any more or refuses it."""
        if answer.error is not None and answer.error.code.upper() in _OF_ONE_TYPE:
            return None
        value = self._reader.value(answer, _method(kind))
        rows = _rows(value, "tasks" if kind == _TASK else "items")
        if rows is None:
            raise AnswerLost(f"{self._reader.portal} answered {_method(kind)} in an unknown shape.")
        numbers = {wire.whole(row.get("id")) if isinstance(row, dict) else None for row in rows}
        return {number for number in numbers if number is not None}


#: PORTAL.md 4 has none of these; the page of crm.item.list has: the type is not there, or its list is asked otherwise.
_OF_ONE_TYPE = frozenset({"NOT_FOUND", "INVALID_ARG_VALUE", "ENTITY_TYPE_NOT_SUPPORTED"})


def _rows(value: Json, key: str) -> list[Json] | None:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else None


def _by_kind(elements: Iterable[Element]) -> Mapping[int, list[int]]:
    numbers: dict[int, list[int]] = {}
    for each in elements:
        numbers.setdefault(each.kind, []).append(each.number)
    return numbers


def _method(kind: int) -> str:
    return TASKS if kind == _TASK else ITEMS


def _call(kind: int, numbers: Sequence[int]) -> Call:
    if kind == _TASK:
        return Call(TASKS, {"filter": {"ID": list(numbers)}, "select": ["ID"], "start": 0})
    return Call(ITEMS, {"entityTypeId": kind, "filter": {"@id": list(numbers)}, "select": ["id"], "start": 0})


def _any_call(kind: int) -> Call:
    """The newest elements of a kind."""
    if kind == _TASK:
        return Call(TASKS, {"order": {"ID": "desc"}, "select": ["ID"], "start": 0})
    return Call(ITEMS, {"entityTypeId": kind, "order": {"id": "DESC"}, "select": ["id"], "start": 0})
