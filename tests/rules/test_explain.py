"""An explanation agrees with the judgement, and shows every clause with its truth."""

from datetime import timedelta

from hypothesis import given, settings

from cleanup.config import parse_rules
from cleanup.model import Decision, Instance
from cleanup.rules import RuleBook
from cleanup.rules.explain import explain
from tests.rules.test_book import books
from tests.rules.test_match import NOW, instance, instances

RULES = """\
version: 1
protect:
  - {id: recent, match: {started: {newer_than: 7d}}}
rules:
  - id: stale
    match: {any: [{started_by: 7}, {not: {module: crm}, started: {older_than: 90d}}]}
    action: kill
  - {id: rest, match: everything, action: keep}
"""


@settings(max_examples=500)
@given(book=books, row=instances)
def test_it_agrees_with_the_judgement(book: RuleBook, row: Instance) -> None:
    told = explain(book, row, NOW)
    assert told.verdict == book.judge(row, NOW)
    truths = [entry.match.test(row, NOW) for entry in (*book.protect, *book.rules)]
    assert [part.truth for part in told.parts] == truths
    for part in told.parts:
        assert part.clauses[0].truth is part.truth
        assert all(bool(clause.field) is (clause.truth is None) for clause in part.clauses)


def test_each_clause_is_shown_beneath_what_it_belongs_to() -> None:
    row = instance(started=NOW - timedelta(days=100), module=None, started_by=1)
    told = explain(parse_rules(RULES, "rules.yaml").book, row, NOW)
    stale = told.parts[1]
    shown = [(clause.depth, clause.text, clause.truth, clause.field) for clause in stale.clauses]
    assert shown == [
        (0, "any", None, "module"),
        (1, "started_by: [7]", False, ""),
        (1, "all", None, "module"),
        (2, "not", None, "module"),
        (3, 'module: ["crm"]', None, "module"),
        (2, "started: {older_than: 90d}", True, ""),
    ]
    assert told.verdict.decision is Decision.KEPT
    assert [part.decided for part in told.parts] == [False, False, True]
