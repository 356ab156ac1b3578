"""A list method's answer: which rows, in which order, which page of them (PORTAL.md 2, 3.2)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Protocol

from cleanup.sandbox.dates import Zone
from cleanup.sandbox.filters import Filter, ReadDate, compile_filter
from cleanup.sandbox.generations import Grammar
from cleanup.sandbox.php import Parameters, Value, to_text
from cleanup.sandbox.rows import Column, Columns, Kind, printer

PAGE = 50
AnyRow = Sequence[Any]


class SelectError(ValueError):
    """A select item is not a scalar."""


class Source(Protocol):
    """Where the rows come from: in the order of their ID, narrowed by what the filter says about it."""

    def __len__(self) -> int: ...

    def rows(self, narrowed: Filter, *, descending: bool) -> Iterator[AnyRow]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the list methods differ in."""

    columns: Columns
    default_select: tuple[str, ...]
    default_order: tuple[str, bool]
    source: Source
    grammar: Grammar
    #: Columns that are shown even where they were not selected.
    always: tuple[str, ...] = ()
    #: Whether a select item that is no scalar is an error; otherwise it is an unknown name.
    checks_select: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[dict[str, Any]]
    total: int
    #: None: there is no `next` in the answer.
    next: int | None


def list_page(table: Table, query: Parameters, *, start: int, read_date: ReadDate, zone: Zone, random: Random) -> Page:
    """`query` has upper-case keys. A negative start means: do not count; `total` is then a meaningless 0."""
    show = printer(table.columns, _select(query.get("SELECT"), table), zone)
    conditions = compile_filter(query.get("FILTER"), table.columns, table.grammar, read_date)
    found = _ordered(table, conditions, _order(query.get("ORDER"), table), random)
    offset = max(0, start)
    total = _count(table, conditions) if start >= 0 else 0
    rows = [show(row) for row in islice(found, offset, offset + PAGE)]
    following = start + len(rows)
    return Page(rows, total, following if following < total else None)


def legacy_page(
    table: Table, query: Parameters, *, start: int, read_date: ReadDate, zone: Zone, random: Random
) -> Page:
    """The older way: floored to a page; past the end it is the first page again (PORTAL.md 2)."""
    show = printer(table.columns, _select(query.get("SELECT"), table), zone)
    conditions = compile_filter(query.get("FILTER"), table.columns, table.grammar, read_date)
    found = list(_ordered(table, conditions, _order(query.get("ORDER"), table), random))
    if start < 0:
        return Page(list(map(show, found[:PAGE])), 0, None)
    offset = start // PAGE * PAGE
    offset = offset if offset < len(found) else 0
    following = offset + PAGE
    return Page(list(map(show, found[offset:following])), len(found), following if following < len(found) else None)


def _count(table: Table, conditions: Filter) -> int:
    if not conditions.tests:
        return len(table.source)
    return sum(1 for row in table.source.rows(conditions, descending=False) if conditions.accepts(row))


def _select(wanted: Value, table: Table) -> list[str]:
    items = list(wanted.values()) if isinstance(wanted, dict) else []
    if table.checks_select and any(isinstance(item, dict) for item in items):
        raise SelectError
    known = [name for name in (to_text(item).upper() for item in items) if name in table.columns]
    return [*(known or table.default_select), *table.always]


def _order(wanted: Value, table: Table) -> list[tuple[str, bool]]:
    """Column names, and whether descending: any direction but DESC is ascending."""
    items = wanted.items() if isinstance(wanted, dict) else ()
    known = [(name.upper(), to_text(way).upper() == "DESC") for name, way in items if name.upper() in table.columns]
    return known or [table.default_order]


def _ordered(table: Table, conditions: Filter, order: list[tuple[str, bool]], random: Random) -> Iterable[AnyRow]:
    name, descending = order[0]
    if name == "ID":  # unique, so that whatever follows in the order does not matter
        found = table.source.rows(conditions, descending=descending)
        return (row for row in found if conditions.accepts(row)) if conditions.tests else found
    rows = list(filter(conditions.accepts, table.source.rows(conditions, descending=False)))
    return _sorted(_turned(rows, random), table.columns, order)


def _turned(rows: list[AnyRow], random: Random) -> list[AnyRow]:
    """The same rows from another place on: without a tie-breaker the order of equals is anybody's guess."""
    turn = random.randrange(len(rows)) if rows else 0
    return rows[turn:] + rows[:turn]


def _sorted(rows: list[AnyRow], columns: Columns, order: list[tuple[str, bool]]) -> list[AnyRow]:
    for name, descending in reversed(order):
        if columns[name].kind is not Kind.ARRAY:
            rows.sort(key=_sort_key(columns[name]), reverse=descending)
    return rows


def _sort_key(column: Column) -> Callable[[AnyRow], Any]:
    """SQL puts null first; no number and no time here is negative."""
    place, null = column.place, "" if column.kind is Kind.TEXT else -1
    return lambda row: null if row[place] is None else row[place]
