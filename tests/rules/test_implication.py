"""What is claimed from the form of matches alone holds for every instance; and what people write is seen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import parse_rules
from cleanup.model import Instance
from cleanup.rules import RuleBook
from cleanup.rules.implication import Reasoner
from cleanup.rules.match import All, AnyOf, Match, Not, resolved
from cleanup.rules.shadows import shadows
from tests.rules.strategies import NOW, TEMPLATES, books, leaves, matches, rows

#: Pairs that are often related: a match, and the same with a part more, less or changed.
related = st.one_of(
    st.tuples(leaves, leaves),
    st.tuples(matches, matches),
    st.builds(lambda one, other: (All((one, other)), one), matches, matches),
    st.builds(lambda one, other: (one, AnyOf((other, one))), matches, matches),
    st.builds(lambda one, other: (Not(one), Not(other)), leaves, leaves),
    st.builds(lambda one, other: (one, Not(other)), leaves, leaves),
)


@settings(max_examples=500)
@given(pair=related, rows=rows)
def test_what_is_implied_is_true_wherever_its_reason_is(pair: tuple[Match, Match], rows: tuple[Instance, ...]) -> None:
    one, other = pair
    if Reasoner().implies(one, other):
        one, other = resolved(one, TEMPLATES), resolved(other, TEMPLATES)
        assert all(other.test(row, NOW) is True for row in rows if one.test(row, NOW) is True)


@settings(max_examples=500)
@given(pair=related, rows=rows)
def test_what_clashes_is_never_true_at_once(pair: tuple[Match, Match], rows: tuple[Instance, ...]) -> None:
    if Reasoner().clash(pair):
        both = resolved(All(pair), TEMPLATES)
        assert all(both.test(row, NOW) is not True for row in rows)


@settings(max_examples=500)
@given(book=books(most=8), rows=rows)
def test_a_shadowed_rule_never_decides(book: RuleBook, rows: tuple[Instance, ...]) -> None:
    shadowed = {found.rule.id for found in shadows(book, Reasoner())}
    if shadowed:
        usable = book.resolve(TEMPLATES)
        for verdict in (usable.judge(row, NOW) for row in rows):
            assert verdict.rule not in shadowed or verdict.decision.value == "undecided"


IMPLIED = [
    ("{template_id: 1}", "{template_id: [1, 2]}"),
    ("{template_id: 1, module: crm}", "{module: crm}"),
    ("{module: crm}", "{any: [{id: a}, {module: [crm, lists]}]}"),
    ("{started: {older_than: 90d}}", "{started: {older_than: 30d}}"),
    ("{started: {older_than: 90d, before: 2024-01-01T00:00:00Z}}", "{started: {older_than: 90d}}"),
    (
        "{all: [{started: {older_than: 2d}}, {started: {newer_than: 5d}}]}",
        "{started: {older_than: 1d, newer_than: 9d}}",
    ),
    ("{started: {newer_than: 30d}}", "{started: {newer_than: 90d}}"),
    ("{started: {newer_than: 30d}}", "{not: {started: {older_than: 90d}}}"),
    ("{not: {started: {older_than: 30d}}}", "{not: {started: {older_than: 90d}}}"),
    ("{document_type: lead}", "{document_type: [deal, lead]}"),
    ("{document_type: lead}", "{not: {document_type: [deal, task]}}"),
    ("{document_type: lead}", "{module: {exists: true}}"),
    ("{document_id: LEAD_7}", "{document_id: {glob: 'LEAD_*'}}"),
    ("{document_id: {regex: 'x.*'}}", "{document_id: {glob: '*'}}"),
    ("{template: A}", "{template: {glob: 'A*'}}"),
    ("{template: A}", "{not: {template: B}}"),
    ("{stuck: {longer_than: 2h}}", "{stuck: {longer_than: 1h}}"),
    ("{stuck: {longer_than: 2h}}", "{locked: false}"),
    ("{stuck: true}", "{stuck: {exists: true}}"),
    ("{not: {stuck: true}}", "{stuck: false}"),
    ("{not: {any: [{module: crm}, {id: a}]}}", "{not: {module: crm}}"),
    ("{use: old}", "{started: {older_than: 9d}}"),
    ("{id: a}", "everything"),
    ("{not: everything}", "{id: a}"),
]
NOT_IMPLIED = [
    ("{template_id: [1, 2]}", "{template_id: 1}"),
    ("{started: {older_than: 30d}}", "{started: {older_than: 90d}}"),
    ("{modified: {older_than: 90d}}", "{started: {older_than: 30d}}"),
    ("{started: {older_than: 90d}}", "{not: {modified: {newer_than: 30d}}}"),
    ("{not: {module: crm}}", "{module: lists}"),
    ("{module: {exists: true}}", "{not: {module: crm}}"),
    ("{stuck: false}", "{locked: false}"),
    ("{locked: false}", "{stuck: true}"),
    ("everything", "{any: [{id: a}, {not: {id: a}}]}"),
    ("{document_id: {regex: 'LEAD_1'}}", "{document_id: LEAD_1}"),
]


def read(text: str) -> Match:
    file = (
        "version: 1\nsets: {old: {started: {older_than: 10d}, module: crm}}\nrules:\n"
        f"  - {{id: a, match: {text}, action: keep}}\n"
    )
    return parse_rules(file, "rules.yaml").book.rules[0].match


@pytest.mark.parametrize(("one", "other"), IMPLIED)
def test_what_people_write_is_seen(one: str, other: str) -> None:
    assert Reasoner().implies(read(one), read(other))


@pytest.mark.parametrize(("one", "other"), NOT_IMPLIED)
def test_what_does_not_follow_is_not_claimed(one: str, other: str) -> None:
    assert not Reasoner().implies(read(one), read(other))


def test_without_steps_nothing_is_claimed() -> None:
    assert not Reasoner(0).implies(read("{id: a}"), read("everything"))
