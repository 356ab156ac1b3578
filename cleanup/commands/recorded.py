"""What a journal says of its own rules: a resumed run judges by exactly what was planned."""

import re
from collections.abc import Mapping
from dataclasses import replace

from cleanup.config import Fault, Faults, RulesFile, parse_rules
from cleanup.errors import UsageError
from cleanup.journal import Journal
from cleanup.rules import RuleBook, UnknownTemplates


def rules_of(journal: Journal) -> RulesFile:
    """Raises UsageError for rules that an older version accepted and this one refuses."""
    head = journal.head()
    try:
        return parse_rules(head.rules_source, head.rules_file)
    except Faults as error:
        raise UsageError(f"The rules in {journal.path} are not usable any more. Plan again.\n{error}") from error


def book_of(journal: Journal, rules: RulesFile) -> RuleBook:
    book = resolved(rules, journal.templates() or {})
    return replace(book, include_locked=bool(journal.head().include_locked))


def resolved(rules: RulesFile, templates: Mapping[int, str]) -> RuleBook:
    """The rules for a portal with these templates. Raises UsageError for names that it lacks."""
    try:
        return rules.book.resolve(templates)
    except UnknownTemplates as error:
        told = "\n".join(_shown(line, rules.source) for line in str(error).splitlines())
        raise UsageError(f"the rules file names templates that the portal does not have.\n{told}") from error


def _shown(fault: str, source: str) -> str:
    """A fault `file:line:column: message` with its line of the file and a caret, as the loader tells its own."""
    place = re.match(r"(.+?):(\d+):(\d+): (.*)", fault)
    lines = source.split("\n")
    if place is None or int(place[2]) > len(lines):
        return fault
    return str(Fault(place[1], int(place[2]), int(place[3]), place[4], lines[int(place[2]) - 1].rstrip("\r")))
