"""Reads a copy of a real portal: JSON Lines, first a head with the templates, then one instance a line.

A sandbox that starts from it has the same ids, documents, times and locks; its clock goes on from when it was made.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cleanup.sandbox.rows import Row, Template
from cleanup.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Of a portal: where it is from, when, and what there was."""

    copy_of: str
    #: The plan that recorded it, its rules file, and the moment from which it counted ages (ISO).
    run: str
    rules: str
    now: str
    #: Whether the plan selected what was just being executed, too.
    include_locked: bool
    #: The portal's time when it was copied.
    present: datetime
    world: World = field(repr=False)


def read_copy(path: Path) -> Copy:
    """Raises ValueError for a file of another form, OSError for one that cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            lines: Iterator[dict[str, Any]] = map(json.loads, file)
            return _copy(next(lines, {}), lines)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no copy of a portal ({error}). "
            "b24-cleanup sandbox --from RUN makes one from a plan that was made with --record all."
        ) from error


def _copy(head: Mapping[str, Any], lines: Iterator[Mapping[str, Any]]) -> Copy:
    present = datetime.fromisoformat(head["present"] or head["now"])
    templates = [_template(int(number), name, present) for number, name in head["templates"].items()]
    rows: list[Row] = []
    hidden: dict[str, frozenset[str]] = {}
    for line in lines:
        rows.append(_row(line))
        if line["unreadable"]:
            hidden[line["id"]] = frozenset(_COLUMNS[name] for name in line["unreadable"])
    return Copy(
        copy_of=head["copy_of"],
        run=head["run"],
        rules=head["rules"],
        now=head["now"],
        include_locked=head["include_locked"],
        present=present,
        world=World(rows, templates, hidden),
    )


def _row(line: Mapping[str, Any]) -> Row:
    return Row(
        id=line["id"],
        modified=_seconds(line["modified"]),
        owned_until=_seconds(line["owned_until"]),
        module=line["module"],
        entity=line["entity"] or "",
        document_id=line["document_id"] or "",
        started=_seconds(line["started"]),
        started_by=line["started_by"],
        template_id=line["template_id"] or 0,
    )


def _seconds(moment: str | None) -> int | None:
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp())


def _template(number: int, name: str, modified: datetime) -> Template:
    return Template(
        id=number,
        module="",
        entity="",
        document_type="",
        auto_execute=0,
        name=name,
        modified=int(modified.timestamp()),
        user_id=1,
        system_code="",
    )


_COLUMNS = {
    "template_id": "TEMPLATE_ID",
    "module": "MODULE_ID",
    "entity": "ENTITY",
    "document_id": "DOCUMENT_ID",
    "started": "STARTED",
    "started_by": "STARTED_BY",
    "modified": "MODIFIED",
    "owned_until": "OWNED_UNTIL",
}
