"""What is allowed in a rules file but hardly meant: the warnings of `validate`."""

from collections.abc import Iterable, Iterator, Mapping

from cleanup.config.faults import Fault
from cleanup.config.nodes import Node, Scalar, Source
from cleanup.guards import Limits
from cleanup.rules import RuleBook
from cleanup.rules.asked import any_dismissed
from cleanup.rules.implication import Reasoner
from cleanup.rules.match import takes_all
from cleanup.rules.shadows import shadows


def of_book(book: RuleBook, lines: Mapping[str, int], source: Source, reasoner: Reasoner) -> Iterator[Fault]:
    """`lines` says where each id stands."""
    for entry in book.protect:
        if takes_all(entry.match):
            yield source.place(lines[entry.id], 1, f"“{entry.id}” protects everything, so no rule can select anything")
    for rule in book.rules:
        if rule.ends and any_dismissed(rule.match):
            told = f"“{rule.id}” ends what other users may still answer: one assignee is dismissed is not stuck"
            yield source.place(rule.line, 1, f"{told}; all_dismissed is the safe form")
    for shadow in shadows(book, reasoner):
        told = (
            f"rule “{shadow.rule.id}” can never match: “{shadow.by.id}” in line {lines[shadow.by.id]} takes all of it"
        )
        yield source.place(shadow.rule.line, 1, told)


def of_values(
    limits: Limits, at: Node | None, unused: Iterable[Scalar], patterns: Iterable[Scalar], source: Source
) -> Iterator[Fault]:
    """`unused` are sets that no match uses; `patterns` are exact texts that look like patterns."""
    if at is not None and limits.max_kill is None and limits.max_percent is None:
        told = "max_kill and max_percent are both off: nothing stops a plan that selects far too much"
        yield source.place(at.line, at.column, told)
    for name in unused:
        yield source.place(name.line, name.column, f"no match uses the set “{name.text}”")
    for text in patterns:
        told = f"“{text.text}” is taken by its very letters; if it is a pattern, write {{glob: …}}"
        yield source.place(text.line, text.column, told)
