"""The lines for a person and for a program."""

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from cleanup.reports.checkup.findings import Examination, Finding, Level
from cleanup.reports.checkup.judging import failure_of
from cleanup.reports.document import Document
from cleanup.words import counted

_COLOUR = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red"}
_LEVEL, _NAME = 9, 15
_INDENT = " " * (_LEVEL + _NAME)
#: Columns that are left for a text on the narrowest terminal.
_LEAST = 30


def show(found: Sequence[Finding], console: Console) -> None:
    """A line each, wrapped on a terminal under its text; what to do stands below it."""
    width = max(_LEAST, console.width - len(_INDENT)) if console.is_terminal else None
    for finding in found:
        lines = [*_wrapped(finding.text, width), *(_wrapped(finding.advice, width, mark="→ "))]
        level = (f"{finding.level:<{_LEVEL}}", _COLOUR[finding.level])
        console.print(Text.assemble(level, f"{finding.name:<{_NAME}}", lines[0]), soft_wrap=True)
        for line in lines[1:]:
            console.print(Text(_INDENT + line), soft_wrap=True)
    console.print(_summary(found), soft_wrap=True)


def _wrapped(text: str, width: int | None, mark: str = "") -> list[str]:
    if not text:
        return []
    if width is None:
        return [mark + text]
    return wrap(mark + text, width, subsequent_indent=" " * len(mark), break_on_hyphens=False)


def _summary(found: Sequence[Finding]) -> str:
    faults, warnings = (sum(finding.level is level for finding in found) for level in (Level.FAULT, Level.WARNING))
    if faults:
        return f"{counted(faults, 'fault')}, {counted(warnings, 'warning')}: a run would not work."
    return f"No fault, {counted(warnings, 'warning')}: a run can work."


def as_json(findings: Sequence[Finding], found: Examination) -> Document:
    answers, failure = found.answers, failure_of(findings, found)
    return {
        "portal": found.portal,
        "findings": [{"level": finding.level, "subject": finding.name, "text": finding.text} for finding in findings],
        "checks": [
            {key: value for key, value in asdict(finding).items() if key != "exit_code"} for finding in findings
        ],
        "licence": answers.licence if answers else None,
        "population": answers.population if answers else None,
        "round_trip": round(answers.round_trip, 3) if answers else None,
        "exit": int(failure.exit_code) if failure else 0,
    }
