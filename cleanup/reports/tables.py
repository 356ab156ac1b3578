"""The entries of a run as CSV or JSON, one row an entry, streamed: a million rows need no more memory than one."""

import re
from collections.abc import Iterator
from functools import lru_cache
from json.encoder import encode_basestring
from typing import IO

from cleanup.journal import Journal
from cleanup.model import Entry, State
from cleanup.rules import document_type

COLUMNS = (
    "id",
    "rule",
    "action",
    "status",
    "reason",
    "template_id",
    "template",
    "document_type",
    "module_id",
    "entity",
    "document_id",
    "started",
    "modified",
    "started_by",
    "owned_until",
    "sent_at",
    "ended_at",
    "error",
)
_STATUS = {state: state.value for state in State} | {
    State.PLANNED: "pending",
    State.SENT: "pending",
    State.GONE: "already_gone",
}
#: Numbers and times of our own making.
_OURS = frozenset({"action", "status", "template_id", "started", "modified", "started_by", "owned_until"})
#: The places of all other texts.
_OF_OTHERS = [place for place, name in enumerate(COLUMNS) if name not in _OURS]
_FORMULA = re.compile(r"[\s\"]*[=+\-@＝＋－＠]|['\t\r\n]")
#: Digits with what numbers, dates and times have between them, in any locale.
_NUMBER = re.compile(r"[0-9][0-9\s.,:;/%eE+-]*|[.,][0-9].*")
#: A word with a letter that no number has, as IDs are: most cells need no closer look.
_WORD = re.compile(r"(?=.*[a-df-zA-DF-Z_])[0-9a-zA-Z_][0-9a-zA-Z_.]*")
#: What must stand within quotes.
_SEPARATING = re.compile(r"[,\"\r\n]")
_BEHIND_SEPARATOR = re.compile(r"([;\t\r\n|][\s\"']*)([=+\-@＝＋－＠])")
#: A row of texts as a JSON object: with its keys written out it takes a fifth of the time of an encoder.
_OBJECT = "{" + ", ".join(f"{encode_basestring(name)}: %s" for name in COLUMNS) + "}"


def status_of(state: State) -> str:
    """As the run's document names it: pending, killed, terminated, already_gone, changed or failed."""
    return _STATUS[state]


def rows(journal: Journal) -> Iterator[dict[str, str]]:
    """Each entry as texts by the names of COLUMNS; "" where there is no value."""
    return (dict(zip(COLUMNS, row, strict=True)) for row in _rows(journal))


def write_csv(journal: Journal, file: IO[str]) -> None:
    """RFC 4180, without a byte order mark. No cell can become a formula or a number (see `safe`).

    Python's own writer takes as long for the quotes as all the rest takes: it looks at each character by a search.
    """
    file.write(",".join(COLUMNS) + "\r\n")
    for row in _rows(journal):
        cells = list(row)
        for place in _OF_OTHERS:
            if cells[place]:
                cells[place] = _cell(cells[place])
        file.write(",".join(cells) + "\r\n")


@lru_cache(maxsize=4096)  # most cells of a column are alike
def _cell(text: str) -> str:
    value = safe(text)
    return '"' + value.replace('"', '""') + '"' if _SEPARATING.search(value) else value


def write_json(journal: Journal, file: IO[str]) -> None:
    """One JSON list, an object a line."""
    file.write("[")
    for number, row in enumerate(_rows(journal)):
        file.write(",\n" if number else "\n")
        file.write(_as_json(row))
    file.write("\n]\n")


def write_jsonl(journal: Journal, file: IO[str]) -> None:
    """JSON Lines: an object a line and nothing else."""
    for row in _rows(journal):
        file.write(_as_json(row) + "\n")


def _as_json(row: tuple[str, ...]) -> str:
    return _OBJECT % tuple(map(encode_basestring, row))


def _rows(journal: Journal) -> Iterator[tuple[str, ...]]:
    names = journal.templates() or {}
    return (_row(entry, names, sent_at, ended_at) for entry, sent_at, ended_at in journal.entries())


def _row(entry: Entry, names: dict[int, str], sent_at: str, ended_at: str) -> tuple[str, ...]:
    instance = entry.instance
    return (
        entry.id,
        entry.rule,
        str(entry.action),
        status_of(entry.state),
        entry.reason,
        _text(instance.template_id),
        names.get(instance.template_id or 0, ""),
        document_type(instance) or "",
        instance.module or "",
        instance.entity or "",
        instance.document_id or "",
        _text(instance.started and instance.started.isoformat()),
        _text(instance.modified and instance.modified.isoformat()),
        _text(instance.started_by),
        _text(instance.owned_until and instance.owned_until.isoformat()),
        sent_at,
        ended_at,
        entry.error,
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def safe(value: str) -> str:
    """The value with an apostrophe before it where a spreadsheet would take it for anything but a text.

    Programs split a line at their own separator, also inside quotes that do not open the line: so a formula behind
    such a separator gets one, too. A value that begins with an apostrophe gets another: who reads the file takes one
    away.
    """
    if _WORD.fullmatch(value):
        return value
    value = _BEHIND_SEPARATOR.sub(r"\1'\2", value)
    return "'" + value if _FORMULA.match(value) or _NUMBER.fullmatch(value) else value
