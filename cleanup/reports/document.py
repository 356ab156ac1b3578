"""The one JSON document of a run: the contract of `-o json` for plan, apply, run and status."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from cleanup.errors import ExitCode
from cleanup.journal import Batch, EntryCount, Journal
from cleanup.model import Decision, State

#: A document is JSON: texts, numbers, lists and maps.
Document = dict[str, Any]

#: Totals that only the listing knows, in the order of the document.
_COUNTED = (Decision.PROTECTED, Decision.KEPT, Decision.NO_MATCH, Decision.UNDECIDED, Decision.LOCKED)
_OPEN = frozenset({State.PLANNED, State.SENT})
_STATES = {
    "killed": State.KILLED,
    "terminated": State.TERMINATED,
    "already_gone": State.GONE,
    "changed": State.CHANGED,
    "failed": State.FAILED,
}


def document(journal: Journal, *, verb: str, exit_code: int, state: str | None = None) -> Document:
    """Totals add up: listed = the five + selected, and selected = pending + the five ends."""
    head, entries, usage = journal.head(), journal.entry_counts(), journal.usage()
    totals = _totals(journal, entries)
    return {
        "run": head.run,
        "checkpoint": str(journal.path),
        "portal": head.portal,
        "verb": verb,
        "state": state or shown_state(journal),
        "rules": {"file": head.rules_file, "digest": head.rules_digest},
        "now": head.now,
        "population": journal.population(),
        "totals": totals,
        "by_rule": _by_rule(journal, entries),
        "in_doubt": sum(entry.count for entry in entries if entry.state is State.SENT),
        "undecided": [
            {"rule": count.rule, "field": count.field, "count": count.count}
            for count in journal.tally()
            if count.decision is Decision.UNDECIDED
        ],
        "requests": {name: getattr(usage, name) for name in ("sent", "retried", "query_limit", "operation_limit")},
        "seconds": {name: round(getattr(usage, name), 3) for name in ("wall", "waiting_rate", "waiting_operating")},
        "pace": _pace(journal.last_batch()),
        "exit": int(exit_code),
    }


def _pace(last: Batch | None) -> Document | None:
    """How fast the last batch went; None: there was none."""
    if last is None:
        return None
    return {
        "in_flight": last.in_flight,
        "batch": last.size,
        "seconds_each": round(last.seconds / last.entries, 4) if last.entries else None,
        "slowdown": last.slowdown,
    }


def shown_state(journal: Journal) -> str:
    """planned, applying, finished or stopped: a listing that was broken off is stopped."""
    state = journal.state()
    return "stopped" if state == "listing" else state


def exit_of(journal: Journal) -> ExitCode:
    """How a run that has ended went: some failed, or all is well."""
    return ExitCode.SOME_FAILED if journal.failed() else ExitCode.DONE


def _totals(journal: Journal, entries: Iterable[EntryCount]) -> dict[str, int]:
    decided: Counter[Decision] = Counter()
    for count in journal.tally():
        decided[count.decision] += count.count
    states: Counter[State] = Counter()
    for entry in entries:
        states[entry.state] += entry.count
    selected = states.total()
    left_alone = {decision.value: decided[decision] for decision in _COUNTED}
    return {
        "listed": sum(left_alone.values()) + selected,
        **left_alone,
        "selected": selected,
        "pending": sum(states[state] for state in _OPEN),
        **{name: states[state] for name, state in _STATES.items()},
    }


def _by_rule(journal: Journal, entries: Iterable[EntryCount]) -> list[Document]:
    rows: dict[tuple[str, str], Document] = {}
    for count in journal.tally():
        if count.rule and count.action:
            row = _row(rows, count.rule, count.action)
            if count.decision is not Decision.SELECTED:
                row[count.decision.value] = row.get(count.decision.value, 0) + count.count
    for entry in entries:
        row = _row(rows, entry.rule, entry.action)
        row["selected"] += entry.count
        name = next((name for name, state in _STATES.items() if state is entry.state), "pending")
        row[name] = row.get(name, 0) + entry.count
    return list(rows.values())


def _row(rows: dict[tuple[str, str], Document], rule: str, action: str) -> Document:
    empty = {"rule": rule, "action": action, "selected": 0, "killed": 0, "terminated": 0, "pending": 0, "failed": 0}
    return rows.setdefault((rule, action), empty)
