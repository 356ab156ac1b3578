"""The two tables of the simulated portal: their rows, and how a row is printed in an answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from cleanup.sandbox.dates import Zone


class Row(NamedTuple):
    """One running instance, in the order of the columns below. Times are whole seconds since 1970."""

    id: str
    modified: int
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
    #: The big columns of a template, always an empty array here.
    ARRAY = auto()


class Column(NamedTuple):
    kind: Kind
    #: The place of the value in the row's tuple; -1 where the row holds none.
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
    texts: list[tuple[str, int]] = []
    others: list[tuple[str, int, Callable[[int], str]]] = []
    constant: dict[str, Any] = {}
    for name in names:
        kind, index = columns[name]
        constant[name] = _EMPTY.get(name, [])
        if kind is Kind.TEXT:
            texts.append((name, index))
        elif kind is not Kind.ARRAY:
            others.append((name, index, str if kind is Kind.NUMBER else zone.iso))

    def show(row: Sequence[Any]) -> dict[str, Any]:
        shown = constant.copy()
        for name, index in texts:
            shown[name] = row[index]
        for name, index, show_value in others:
            value = row[index]
            shown[name] = None if value is None else show_value(value)
        return shown

    return show


#: What the columns without a value in the row print as, where that is not an empty array.
_EMPTY = {"DESCRIPTION": "", "IS_MODIFIED": "N"}
