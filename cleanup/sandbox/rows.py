"""Instances and templates: their rows; and how a row of any table is printed in an answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from operator import itemgetter
from typing import Any, NamedTuple

from cleanup.sandbox.dates import Zone


class Row(NamedTuple):
    """One running instance, in the order of the columns below. Times are whole seconds since 1970."""

    id: str
    #: None only in a copy of a portal that has none.
    modified: int | None
    #: None: nobody holds the row.
    owned_until: int | None
    module: str | None
    entity: str
    document_id: str
    started: int | None
    started_by: int | None
    template_id: int


class Template(NamedTuple):
    """One workflow template. Those of robots exist but are never listed (PORTAL.md 8)."""

    id: int
    module: str
    entity: str
    document_type: str
    auto_execute: int
    name: str
    modified: int
    user_id: int
    system_code: str


class Kind(Enum):
    """How a column is compared and printed."""

    TEXT = auto()
    NUMBER = auto()
    DATE = auto()
    #: True or false.
    SWITCH = auto()
    #: The big columns of a template, always an empty array here. They are not filtered by.
    ARRAY = auto()


class Column(NamedTuple):
    kind: Kind
    #: The place of the value in the row's tuple; where the row holds none, any place that is never None.
    place: int


Columns = Mapping[str, Column]
Printer = Callable[[Sequence[Any]], dict[str, Any]]

INSTANCE_COLUMNS: Columns = {
    "ID": Column(Kind.TEXT, 0),
    "MODIFIED": Column(Kind.DATE, 1),
    "OWNED_UNTIL": Column(Kind.DATE, 2),
    "MODULE_ID": Column(Kind.TEXT, 3),
    "ENTITY": Column(Kind.TEXT, 4),
    "DOCUMENT_ID": Column(Kind.TEXT, 5),
    "STARTED": Column(Kind.DATE, 6),
    "STARTED_BY": Column(Kind.NUMBER, 7),
    "TEMPLATE_ID": Column(Kind.NUMBER, 8),
}

TEMPLATE_COLUMNS: Columns = {
    "ID": Column(Kind.NUMBER, 0),
    "MODULE_ID": Column(Kind.TEXT, 1),
    "ENTITY": Column(Kind.TEXT, 2),
    "DOCUMENT_TYPE": Column(Kind.TEXT, 3),
    "AUTO_EXECUTE": Column(Kind.NUMBER, 4),
    "NAME": Column(Kind.TEXT, 5),
    "DESCRIPTION": Column(Kind.ARRAY, -1),
    "TEMPLATE": Column(Kind.ARRAY, -1),
    "PARAMETERS": Column(Kind.ARRAY, -1),
    "VARIABLES": Column(Kind.ARRAY, -1),
    "CONSTANTS": Column(Kind.ARRAY, -1),
    "MODIFIED": Column(Kind.DATE, 6),
    "IS_MODIFIED": Column(Kind.ARRAY, -1),
    "USER_ID": Column(Kind.NUMBER, 7),
    "SYSTEM_CODE": Column(Kind.TEXT, 8),
}


def printer(columns: Columns, names: Iterable[str], zone: Zone) -> Printer:
    """A function that prints the named columns of a row: numbers as texts, dates as ISO, none as null."""
    shown = tuple(dict.fromkeys(names))
    values = _values([columns[name].place for name in shown])
    conversions = [(name, _conversion(name, columns[name].kind, zone)) for name in shown]
    converted = [(name, convert) for name, convert in conversions if convert is not None]

    def show(row: Sequence[Any]) -> dict[str, Any]:
        fields = dict(zip(shown, values(row), strict=True))
        for name, convert in converted:
            value = fields[name]
            if value is not None:
                fields[name] = convert(value)
        return fields

    return show


def _values(places: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(places) == 1:  # where itemgetter would give the value itself
        return lambda row: (row[places[0]],)
    return itemgetter(*places)


def _conversion(name: str, kind: Kind, zone: Zone) -> Callable[[Any], Any] | None:
    if kind is Kind.ARRAY:
        return lambda _value: _ALWAYS.get(name, [])
    if kind is Kind.NUMBER:
        return str
    return zone.iso if kind is Kind.DATE else None


#: What the columns without a value in the row print as, where that is not an empty array.
_ALWAYS = {"DESCRIPTION": "", "IS_MODIFIED": "N"}
