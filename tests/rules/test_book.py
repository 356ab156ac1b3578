"""A rules file as a whole: protect above all, the first match wins, unknown selects nothing, every verdict says why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.model import Action, Decision, Instance
from cleanup.rules import Protect, Rule, RuleBook, UnknownTemplates
from cleanup.rules.match import Everything, Match, NumberTest, Pattern, TemplateTest, TextTest, TimeTest
from tests.rules.test_match import NOW, TEMPLATES, instance, instances, matches

OLD = TimeTest(name="started", older_than=timedelta(days=90))
BOSS = NumberTest("started_by", frozenset({1}))
ENDS = frozenset({Action.KILL, Action.TERMINATE})


def rule(name: str, match: Match, action: Action = Action.KILL, **more: Any) -> Rule:
    return Rule(id=name, match=match, action=action, **more)


books = st.builds(
    RuleBook,
    protect=st.lists(st.builds(Protect, st.just("p"), matches), max_size=2).map(tuple),
    rules=st.lists(
        st.builds(rule, st.sampled_from("abc"), matches, st.sampled_from(list(Action))), min_size=1, max_size=4
    ).map(tuple),
    include_locked=st.booleans(),
).map(lambda book: book.resolve(TEMPLATES))


@given(book=books, row=instances)
def test_a_verdict_follows_from_the_truths_alone(book: RuleBook, row: Instance) -> None:
    """An independent reading of DESIGN.md 4, over the truth values of every match."""
    verdict = book.judge(row, NOW)
    guarded = [entry.match.test(row, NOW) for entry in book.protect]
    truths = [entry.match.test(row, NOW) for entry in book.rules]
    if any(truth is not False for truth in guarded):
        assert verdict.decision is Decision.PROTECTED
        return
    first = next((entry for entry, truth in zip(book.rules, truths, strict=True) if truth), None)
    if first is not None:
        assert verdict.rule == first.id
        assert verdict.action is first.action
        assert (verdict.decision is Decision.KEPT) is (first.action is Action.KEEP)
        if verdict.decision is Decision.SELECTED and not book.include_locked:
            assert row.owned_until is None or row.owned_until < NOW - timedelta(minutes=5)
            assert "owned_until" not in row.unreadable
        return
    doubtful = any(truth is None and entry.action in ENDS for entry, truth in zip(book.rules, truths, strict=True))
    assert verdict.decision is (Decision.UNDECIDED if doubtful else Decision.NO_MATCH)
    assert bool(verdict.field) is doubtful


@given(book=books, row=instances)
def test_nothing_that_started_after_the_bound_is_selected(book: RuleBook, row: Instance) -> None:
    bound = book.newest_start(NOW)
    if bound is not None and row.started is not None and row.started > bound:
        assert book.judge(row, NOW).decision is not Decision.SELECTED


def test_protect_beats_every_rule_and_unknown_protects() -> None:
    book = RuleBook(protect=(Protect("boss", BOSS, "never touch"),), rules=(rule("all", Everything()),))
    assert book.judge(instance(started_by=2), NOW).decision is Decision.SELECTED
    protected = book.judge(instance(started_by=1), NOW)
    assert (protected.decision, protected.rule, protected.reason) == (Decision.PROTECTED, "boss", "never touch")
    unknown = book.judge(instance(started_by=None), NOW)
    assert (unknown.decision, unknown.rule, unknown.field) == (Decision.PROTECTED, "boss", "started_by")


def test_the_first_match_wins() -> None:
    keep, kill = rule("keep", BOSS, Action.KEEP), rule("kill", Everything())
    assert RuleBook(rules=(keep, kill)).judge(instance(started_by=1), NOW).rule == "keep"
    assert RuleBook(rules=(kill, keep)).judge(instance(started_by=1), NOW).rule == "kill"


def test_unknown_never_selects_and_says_which_field() -> None:
    verdict = RuleBook(rules=(rule("old", OLD),)).judge(instance(started=None), NOW)
    assert (verdict.decision, verdict.rule, verdict.field) == (Decision.UNDECIDED, "old", "started")


def test_unknown_falls_through_a_keep_rule() -> None:
    book = RuleBook(rules=(rule("keep", BOSS, Action.KEEP), rule("old", OLD)))
    assert book.judge(instance(started=NOW - timedelta(days=91)), NOW).rule == "old"
    assert book.judge(instance(started=NOW), NOW).decision is Decision.NO_MATCH


@pytest.mark.parametrize("minutes", [-4, 0, 5])
def test_a_locked_instance_is_left_alone_unless_asked_for(minutes: int) -> None:
    row = instance(owned_until=NOW - timedelta(minutes=minutes))
    book = RuleBook(rules=(rule("all", Everything()),))
    assert book.judge(row, NOW).decision is Decision.LOCKED
    included = RuleBook(rules=book.rules, include_locked=True)
    assert included.judge(row, NOW).decision is Decision.SELECTED


def test_a_name_that_the_portal_lacks_is_told_with_the_nearest() -> None:
    named = TemplateTest((Pattern("exact", "Отпска"),), "rules.yaml:7:13")
    with pytest.raises(UnknownTemplates, match=r"rules\.yaml:7:13.*\"Отпска\".*Nearest: 'Отпуск'"):
        RuleBook(rules=(rule("a", named),)).resolve(TEMPLATES)


def test_a_glob_may_hit_nothing() -> None:
    named = TemplateTest((Pattern("glob", "Нет такого*"),))
    book = RuleBook(rules=(rule("a", named),)).resolve(TEMPLATES)
    assert book.judge(instance(template_id=1), NOW).decision is Decision.NO_MATCH


def test_several_templates_of_one_name_are_listed() -> None:
    named = TemplateTest((Pattern("exact", "Отпуск"),))
    (found,) = RuleBook(rules=(rule("a", named),)).resolve(TEMPLATES).named_templates(TEMPLATES)
    assert (found.rule, dict(found.templates)) == ("a", {1: "Отпуск", 2: "Отпуск"})


def test_a_rule_without_a_limit_on_the_start_lifts_the_bound() -> None:
    other = TextTest("module", (Pattern("exact", "crm"),))
    assert RuleBook(rules=(rule("a", OLD),)).newest_start(NOW) == NOW - timedelta(days=90)
    assert RuleBook(rules=(rule("a", OLD), rule("b", other))).newest_start(NOW) is None
    assert RuleBook(rules=(rule("a", OLD), rule("b", other, Action.KEEP))).newest_start(NOW) == NOW - timedelta(days=90)


def test_the_age_counts_from_one_now() -> None:
    later = datetime(2027, 6, 1, tzinfo=UTC)
    row = instance(started=NOW - timedelta(days=1))
    book = RuleBook(rules=(rule("old", OLD),))
    assert book.judge(row, NOW).decision is Decision.NO_MATCH
    assert book.judge(row, later).decision is Decision.SELECTED
