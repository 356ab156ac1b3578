"""Journals made by hand, without a portal: a plan, a finished run, and one whose names mean harm."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cleanup.journal import Batch, Journal, Outcome, RunHead, Wait
from cleanup.model import Action, Decision, Instance, State, Verdict

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
RULES = """\
version: 1
timezone: Europe/Moscow
protect:
  - {id: recent, match: {started: {newer_than: 7d}}}
rules:
  - {id: keep-new, match: {not: {started: {older_than: 20d}}}, action: keep}
  - {id: old, match: {started: {older_than: 90d}}, action: kill}
  - {id: hung, match: {stuck: true}, action: terminate}
"""
#: (document type, module, entity, document id)
KINDS = (
    ("lead", "crm", "CCrmDocumentLead", "LEAD_{}"),
    ("deal", "crm", "CCrmDocumentDeal", "DEAL_{}"),
    ("dynamic_128", "crm", r"Bitrix\Crm\Integration\BizProc\Document\Dynamic", "DYNAMIC_128_{}"),
    ("task", "tasks", r"Bitrix\Tasks\Integration\Bizproc\Document\Task", "{}"),
    ("list_element", "lists", r"Bitrix\Lists\BizprocDocumentLists", "{}"),
    ("", "", "", ""),
)
TEMPLATES = {1: "Согласование договора", 2: "Lead routing", 3: "Увольнение"}


def head(**changes: str) -> RunHead:
    facts = {
        "run": "20261123-040000-abcd",
        "portal": "acme.bitrix24.ru",
        "rules_file": "rules.yaml",
        "rules_digest": "sha256:" + "0f" * 32,
        "rules_source": RULES,
        "now": NOW.isoformat(),
        "created": NOW.isoformat(),
    }
    return RunHead(**(facts | changes))


def instance(number: int) -> Instance:
    """The higher the number, the younger: seven hours each."""
    _, module, entity, document = KINDS[number % len(KINDS)]
    return Instance(
        id=f"{0x5FC00000 + number:08x}abcde{number % 10}.{number:08d}",
        template_id=(1, 2, 3, None)[number % 4],
        module=module,
        entity=entity,
        document_id=document.format(number),
        started=None if number % 97 == 13 else NOW - timedelta(days=1500) + timedelta(hours=7 * number),
        started_by=number % 12 or None,
        modified=NOW - timedelta(days=30),
    )


def verdict(number: int) -> Verdict:
    if number % 10 == 3:
        return Verdict(decision=Decision.SELECTED, rule="hung", action=Action.TERMINATE, reason="stopped by hung")
    return Verdict(decision=Decision.SELECTED, rule="old", action=Action.KILL)


def planned(
    path: Path, count: int, templates: dict[int, str] = TEMPLATES, instances: Sequence[Instance] = (), **changes: str
) -> Journal:
    journal = Journal.create(path, head(**changes))
    journal.save_templates(templates)
    others = [
        (instance(count + 1), Verdict(decision=Decision.PROTECTED, rule="recent")),
        (instance(count + 2), Verdict(decision=Decision.KEPT, rule="keep-new", action=Action.KEEP)),
        (instance(count + 3), Verdict(decision=Decision.UNDECIDED, rule="old", action=Action.KILL, field="started")),
        (instance(count + 4), Verdict(decision=Decision.NO_MATCH)),
    ]
    mine = [(found, verdict(number)) for number, found in enumerate(instances or map(instance, range(count)))]
    journal.plan([*mine, *others], "end")
    journal.finish_plan(count + 10)
    return journal


def applied(path: Path, count: int) -> Journal:
    """Ended in batches of 50, one each 4 s; every 60th failed, every 45th had changed."""
    journal = planned(path, count)
    journal.begin_apply(NOW)
    journal.begin_session("apply", NOW)
    for number, first in enumerate(range(0, count, 50), 1):
        began = NOW + timedelta(minutes=5, seconds=4 * number)
        _send(journal, number, range(first, min(first + 50, count)), began)
    journal.save_usage(journal.usage(), _waits(count))
    journal.set_state("finished")
    return journal


def _send(journal: Journal, number: int, places: range, began: datetime) -> None:
    answered = began + timedelta(seconds=1.5)
    ids = [instance(place).id for place in places]
    journal.claim(ids, now=began, quiet_at=answered)
    outcomes = [_outcome(place) for place in places]
    ended = sum(outcome.state in {State.KILLED, State.TERMINATED} for outcome in outcomes)
    batch = Batch(request=number, began=began, answered=answered, entries=len(ids), ended=ended, size=50, seconds=1.5)
    journal.record(outcomes, now=answered, batch=batch)


def _outcome(place: int) -> Outcome:
    if place % 60 == 7:
        return Outcome(instance(place).id, State.FAILED, "Доступ запрещён")
    if place % 45 == 9:
        return Outcome(instance(place).id, State.GONE)
    return Outcome(instance(place).id, State.TERMINATED if place % 10 == 3 else State.KILLED)


def _waits(count: int) -> list[Wait]:
    began = NOW + timedelta(minutes=5)
    return [
        Wait("rate", began + timedelta(seconds=10), began + timedelta(seconds=14)),
        Wait("operating", began + timedelta(seconds=count / 25), began + timedelta(seconds=count / 20)),
    ]


def older(journal: Journal, path: Path) -> Path:
    """A copy in the first form of the file, before batches, waits, copies and facts were recorded."""
    with sqlite3.connect(path) as raw, sqlite3.connect(journal.path) as source:
        source.backup(raw)
        raw.executescript(
            "DROP TABLE batch; DROP TABLE wait; DROP TABLE copied; DELETE FROM run WHERE key IN ('record', 'present');"
            "DROP TABLE sibling; ALTER TABLE entry DROP COLUMN facts;"
            "PRAGMA user_version = 1; PRAGMA journal_mode = DELETE;"
        )
    raw.close()
    source.close()
    return path
