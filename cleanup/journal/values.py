"""Values to rows and back. What cannot be read raises an error of Python; `readable` (file.py) makes it ours."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime

from cleanup.journal.records import Batch
from cleanup.model import NOTHING_ASKED, Action, Entry, Facts, Instance, Standing, State

#: A hundred thousand entries are made at a time: a word that was read is found faster than it is called for.
_ACTIONS = {each.value: each for each in Action}
_STATES = {each.value: each for each in State}
_NONE = frozenset[str]()


def row_of(instance: Instance) -> tuple[object, ...]:
    return (
        instance.id,
        instance.template_id,
        instance.module,
        instance.entity,
        instance.document_id,
        _stamp(instance.started),
        instance.started_by,
        _stamp(instance.modified),
        _stamp(instance.owned_until),
        " ".join(sorted(instance.unreadable)),
    )


def instance(row: tuple, facts: Facts = NOTHING_ASKED) -> Instance:  # type: ignore[type-arg] # SQLite's rows
    identity, template, module, entity, document, started, started_by, modified, owned, unreadable = row
    return Instance(
        id=identity,
        template_id=template,
        module=module,
        entity=entity,
        document_id=document,
        started=moment(started),
        started_by=started_by,
        modified=moment(modified),
        owned_until=moment(owned),
        unreadable=frozenset(unreadable.split()) if unreadable else _NONE,
        facts=facts,
    )


def entry(row: tuple) -> Entry:  # type: ignore[type-arg] # SQLite's rows
    rule, action, reason, state, sends, alone, doubt, error, facts = row[10:19]
    return Entry(
        instance=instance(row[:10], _facts(facts) if facts else NOTHING_ASKED),
        rule=rule,
        action=_ACTIONS[action],
        reason=reason,
        state=_STATES[state],
        sends=sends,
        alone=bool(alone),
        doubt=bool(doubt),
        error=error,
    )


def facts_text(facts: Facts) -> str:
    """ "" where nothing was asked."""
    if facts == NOTHING_ASKED:
        return ""
    assignees = None if facts.assignees is None else sorted(facts.assignees)
    return json.dumps(asdict(replace(facts, assignees=None)) | {"assignees": assignees})


def _facts(text: str) -> Facts:
    told = json.loads(text)
    assignees, newer = told["assignees"], told["newer"]
    return Facts(
        starter=None if told["starter"] is None else Standing(told["starter"]),
        assignees=None if assignees is None else frozenset(map(Standing, assignees)),
        document_exists=told["document_exists"],
        newer=None if newer is None else tuple(newer),
    )


def document_of(instance: Instance) -> str | None:
    """What duplicates have in common; None where a part of it is not known."""
    parts = (instance.module, instance.entity, instance.document_id, instance.template_id)
    return None if None in parts else json.dumps(parts, ensure_ascii=False)


def sort_stamp(instance: Instance) -> str:
    return "" if instance.started is None else precise(instance.started)


def batch(row: tuple) -> Batch:  # type: ignore[type-arg] # SQLite's rows
    request, began, answered, entries, ended, size, seconds, in_flight, slowdown = row
    return Batch(
        request=request,
        began=datetime.fromisoformat(began),
        answered=datetime.fromisoformat(answered),
        entries=entries,
        ended=ended,
        size=size,
        seconds=seconds,
        in_flight=in_flight,
        slowdown=slowdown,
    )


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def moment(stamp: str | None) -> datetime | None:
    return None if stamp is None else datetime.fromisoformat(stamp)


def precise(moment: datetime) -> str:
    """Of one zone and one width, so that texts compare as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
