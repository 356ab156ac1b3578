"""The entries of a run as CSV or JSON, one row an entry, streamed: a million rows need no more memory than one."""

import csv
import json
from collections.abc import Iterator
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
_STATUS = {State.PLANNED: "pending", State.SENT: "pending", State.GONE: "already_gone"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(journal: Journal) -> Iterator[dict[str, str]]:
    """Each entry as texts in the order of COLUMNS; "" where there is no value."""
    names = journal.templates() or {}
    for entry, sent_at, ended_at in journal.entries():
        yield dict(zip(COLUMNS, _row(entry, names, sent_at, ended_at), strict=True))


def write_csv(journal: Journal, file: IO[str]) -> None:
    """RFC 4180. A text that a spreadsheet would take for a formula or a number is kept a text by an apostrophe."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows(journal):
        writer.writerow(_safe(name, value) for name, value in row.items())


def write_json(journal: Journal, file: IO[str]) -> None:
    """One JSON list, an object a line."""
    file.write("[")
    for number, row in enumerate(rows(journal)):
        file.write(",\n" if number else "\n")
        file.write(json.dumps(row, ensure_ascii=False))
    file.write("\n]\n")


def _row(entry: Entry, names: dict[int, str], sent_at: str, ended_at: str) -> tuple[str, ...]:
    instance = entry.instance
    return (
        entry.id,
        entry.rule,
        entry.action.value,
        _STATUS.get(entry.state, entry.state.value),
        entry.reason,
        _text(instance.template_id),
        names.get(instance.template_id or 0, ""),
        document_type(instance) or "",
        _text(instance.module),
        _text(instance.entity),
        _text(instance.document_id),
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


def _safe(name: str, value: str) -> str:
    if value.startswith(_FORMULA) or (name == "id" and _reads_as_number(value)):
        return "'" + value
    return value


def _reads_as_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
