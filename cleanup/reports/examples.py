"""The examples of a rules file, judged: a line for each, and for a failed one what was expected, what came, and why."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from cleanup.model import Action, Decision
from cleanup.reports.document import Document
from cleanup.reports.explanation import show_part, verdict
from cleanup.rules.examples import Expected, Judged
from cleanup.words import clean


def show(judged: Sequence[Judged], console: Console) -> None:
    for each in judged:
        name = Text(clean(each.example.name or "without a name"))
        word = Text("ok    ", "green") if each.passed else Text("FAIL  ", "bold red")
        console.print(word + name + Text(f"  ({clean(each.example.place)})", "bright_black"))
        if not each.passed:
            _show_difference(each, console)
    failed = sum(not each.passed for each in judged)
    if not judged:
        console.print("There is no test in this file; its section “tests” holds them.")
        return
    console.print(f"{len(judged)} tests: {len(judged) - failed} passed, {failed} failed")


def _show_difference(judged: Judged, console: Console) -> None:
    console.print(Text(f"      expected: {expected(judged.example.expected)}"))
    console.print(Text(f"      came:     {clean(verdict(judged.explanation))}"))
    for part in judged.explanation.parts:
        show_part(part, console, indent=6)


def expected(wanted: Expected) -> str:
    """In the words that a verdict has."""
    words = _decisions(wanted)
    words += f" by “{wanted.rule}”" if wanted.rule else ""
    words += f": {wanted.action}" if wanted.action and wanted.action is not Action.KEEP else ""
    return words + (f", because {wanted.field} is not known" if wanted.field else "")


def _decisions(wanted: Expected) -> str:
    if len(wanted.decisions) != 1:
        return "left alone" if wanted.decisions else "anything"
    (only,) = wanted.decisions
    if only is Decision.NO_MATCH:
        return "left alone: no rule matches"
    return only.value if only is Decision.SELECTED else f"left alone: {only.value}"


def as_json(judged: Sequence[Judged]) -> Document:
    return {
        "tests": [
            {
                "name": each.example.name,
                "place": each.example.place,
                "passed": each.passed,
                "expected": expected(each.example.expected),
                "came": verdict(each.explanation),
            }
            for each in judged
        ],
        "failed": sum(not each.passed for each in judged),
    }
