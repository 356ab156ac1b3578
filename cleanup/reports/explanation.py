"""Why one instance is judged as it is, for a person and as JSON."""

from dataclasses import dataclass, fields
from datetime import datetime

from rich.console import Console
from rich.text import Text

from cleanup.model import Decision, Facts, Instance
from cleanup.reports.document import Document
from cleanup.rules import document_type
from cleanup.rules.explain import Clause, Explanation, Part
from cleanup.rules.match import Truth
from cleanup.words import clean

_WORDS: dict[Truth, tuple[str, str]] = {
    True: ("true", "green"),
    False: ("false", "bright_black"),
    None: ("unknown", "yellow"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An explanation with what it is about."""

    instance: Instance
    now: datetime
    #: The template's name; None: it has none.
    template: str | None
    #: Where the values come from, and what a run did about it.
    source: str
    explanation: Explanation


def values(told: Told) -> dict[str, str]:
    """Every field of the vocabulary with its value; "" where there is none."""
    row = told.instance
    shown = {"id": row.id, "template": told.template or "", "document_type": document_type(row) or ""}
    for field in fields(Instance):
        value = getattr(row, field.name)
        if field.name not in {"id", "unreadable", "facts"}:
            shown[field.name] = (
                value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
            )
    return shown | _facts(row.facts)


def _facts(facts: Facts) -> dict[str, str]:
    """What was asked beyond the row; nothing where nothing was."""
    shown = {
        "starter": facts.starter,
        "assignees": None if facts.assignees is None else ", ".join(sorted(facts.assignees)) or "none",
        "document_exists": None if facts.document_exists is None else str(facts.document_exists).lower(),
        "newer": None if facts.newer is None else ", ".join(facts.newer) or "none",
    }
    return {name: value for name, value in shown.items() if value is not None}


def show(told: Told, console: Console) -> None:
    console.print(f"[bold]{told.instance.id}[/] {told.source}, judged as of {told.now.isoformat()}")
    for name, value in values(told).items():
        unreadable = name in told.instance.unreadable
        console.print(Text(f"  {name:<14} {clean(value) or ('unreadable' if unreadable else '–')}"))
    for part in told.explanation.parts:
        show_part(part, console)
    console.print(f"[bold]{verdict(told.explanation)}[/]")


def show_part(part: Part, console: Console, *, indent: int = 0) -> None:
    """A rule with its truth, and beneath it each clause with its own."""
    blanks = " " * indent
    head = Text(f"{blanks}{part.kind} {part.id}  ", "bold" if part.decided else "")
    console.print(head + _word(part.truth) + (" ← decides" if part.decided else ""))
    for clause in part.clauses:
        line = Text(f"{blanks}  {'  ' * clause.depth}{clean(clause.text)}  ") + _word(clause.truth)
        console.print(line + (f" ({clause.field} is not known)" if clause.field and _is_leaf(clause, part) else ""))


def _is_leaf(clause: Clause, part: Part) -> bool:
    at = part.clauses.index(clause)
    return at + 1 == len(part.clauses) or part.clauses[at + 1].depth <= clause.depth


def _word(truth: Truth) -> Text:
    return Text(*_WORDS[truth])


def verdict(explanation: Explanation) -> str:
    """One sentence: what would become of it, by which rule, and why."""
    found = explanation.verdict
    by = f" by “{found.rule}”" if found.rule else ""
    why = f", because {found.field} is not known" if found.field else ""
    said = f": {found.reason}" if found.reason else ""
    match found.decision:
        case Decision.SELECTED:
            return f"selected{by}: {found.action}{said}"
        case Decision.LOCKED:
            return f"left alone: {found.action}{by}, but it is being executed just now"
        case Decision.NO_MATCH:
            return "left alone: no rule matches"
        case Decision.UNDECIDED:
            return f"left alone: undecided{by}{why}"
        case Decision.KEPT:
            return f"left alone: kept{by}{said}"
        case Decision.PROTECTED:
            return f"left alone: protected{by}{why}{said}"


def as_json(told: Told) -> Document:
    found = told.explanation.verdict
    return {
        "instance": values(told),
        "source": told.source,
        "now": told.now.isoformat(),
        "verdict": {
            "decision": found.decision.value,
            "rule": found.rule,
            "action": found.action,
            "field": found.field,
            "reason": found.reason,
            "text": verdict(told.explanation),
        },
        "rules": [
            {
                "kind": part.kind,
                "id": part.id,
                "truth": _WORDS[part.truth][0],
                "decides": part.decided,
                "clauses": [
                    {
                        "depth": clause.depth,
                        "clause": clause.text,
                        "truth": _WORDS[clause.truth][0],
                        "field": clause.field,
                    }
                    for clause in part.clauses
                ],
            }
            for part in told.explanation.parts
        ],
    }
