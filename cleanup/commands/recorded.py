"""What a journal says of its own rules: a resumed run judges by exactly what was planned."""

from dataclasses import replace

from cleanup.config import RulesFile, parse_rules
from cleanup.journal import Journal
from cleanup.rules import RuleBook


def rules_of(journal: Journal) -> RulesFile:
    head = journal.head()
    return parse_rules(head.rules_source, head.rules_file)


def book_of(journal: Journal, rules: RulesFile) -> RuleBook:
    book = rules.book.resolve(journal.templates() or {})
    return replace(book, include_locked=bool(journal.head().include_locked))
