"""A recorded portal as JSON Lines, for programs that know nothing of journals: a head, then one instance a line."""

import json
from datetime import datetime
from typing import IO

from cleanup.errors import UsageError
from cleanup.journal import Journal
from cleanup.model import Instance


def write_copy(journal: Journal, target: IO[str]) -> None:
    """Streams what `plan --record all` recorded. Raises UsageError when the journal holds no whole copy."""
    _require_a_copy(journal)
    head = journal.head()
    about: dict[str, object] = {
        "copy_of": head.portal,
        "run": head.run,
        "rules": head.rules_file,
        "now": head.now,
        "include_locked": bool(head.include_locked),
        "present": head.present,
        "templates": {str(number): name for number, name in (journal.templates() or {}).items()},
    }
    target.write(_line(about))
    for instance in journal.copied():
        target.write(_line(_row(instance)))


def _require_a_copy(journal: Journal) -> None:
    head = journal.head()
    if not journal.records_all():
        raise UsageError(
            f"The plan {head.run} recorded only what it selects, which is no copy of {head.portal}. "
            f"Plan again with: b24-cleanup plan {head.rules_file} --record all"
        )
    if journal.state() == "listing":
        raise UsageError(f"The plan {head.run} is not complete: its listing was broken off. See: b24-cleanup runs")


def _line(value: dict[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _row(instance: Instance) -> dict[str, object]:
    return {
        "id": instance.id,
        "template_id": instance.template_id,
        "module": instance.module,
        "entity": instance.entity,
        "document_id": instance.document_id,
        "started": _stamp(instance.started),
        "started_by": instance.started_by,
        "modified": _stamp(instance.modified),
        "owned_until": _stamp(instance.owned_until),
        "unreadable": sorted(instance.unreadable),
    }


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
