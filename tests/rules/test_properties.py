"""What holds for every rule book and every instance: issue by issue what must never surprise, each 500 times."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cleanup.model import Action, Decision, Instance, Verdict
from cleanup.rules import Protect, Rule, RuleBook
from cleanup.rules.explain import explain
from cleanup.rules.match import All, AnyOf, Everything, Exists, Match, Not, Use, inner, resolved
from tests.rules.strategies import FIELDS, NOW, TEMPLATES, TESTED, Stretch, books, instances, matches, rows

often = settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])

#: Of no sensible shape, yet of the right types: what a portal gone mad could make the client read.
wild_texts = st.none() | st.text(max_size=8) | st.sampled_from(["", "\x00", "\ud800", "LEAD_", "DYNAMIC_0_0", "\u202e"])
wild_numbers = st.none() | st.integers()
wild_moments = (
    st.none()
    | st.datetimes(timezones=st.just(UTC))
    | st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
)
wild = st.builds(
    Instance,
    id=st.text(max_size=8),
    template_id=wild_numbers,
    module=wild_texts,
    entity=wild_texts,
    document_id=wild_texts,
    started=wild_moments,
    started_by=wild_numbers,
    modified=wild_moments,
    owned_until=wild_moments,
    unreadable=st.frozensets(st.sampled_from(FIELDS) | st.text(max_size=3), max_size=4),
)
nows = st.just(NOW) | st.datetimes(timezones=st.just(UTC))


@often
@given(book=books(), row=wild | instances, now=nows, named=st.booleans())
def test_the_judgement_is_total(book: RuleBook, row: Instance, now: datetime, named: bool) -> None:
    """Any instance, any now, also before names are resolved: one verdict, and an explanation that agrees."""
    book = book.resolve(TEMPLATES) if named else book
    verdict = book.judge(row, now)
    assert isinstance(verdict, Verdict)
    assert explain(book, row, now).verdict == verdict
    assert (verdict.rule is None) is (verdict.decision is Decision.NO_MATCH)


def without(row: Instance, names: frozenset[str], *, unreadable: bool) -> Instance:
    return replace(row, **dict.fromkeys(names), unreadable=row.unreadable | names if unreadable else row.unreadable)


@often
@given(book=books(), part=rows, names=st.frozensets(st.sampled_from(FIELDS), min_size=1))
def test_unknown_never_selects_under_any_nesting(book: RuleBook, part: Stretch, names: frozenset[str]) -> None:
    """Only a rule that is certainly true selects, and it stays true whatever value the unreadable ones really have."""
    book = replace(book, protect=()).resolve(TEMPLATES)
    by_id = {rule.id: rule for rule in book.rules}
    for real in part:
        blind = without(real, names, unreadable=True)
        verdict = book.judge(blind, NOW)
        if verdict.decision is Decision.SELECTED:
            match = by_id[verdict.rule or ""].match
            assert match.test(blind, NOW) is True
            if not names & {"template_id"} or not _names(match):
                assert match.test(real, NOW) is True


def _names(match: Match) -> bool:
    return isinstance(match, Exists) or any(map(_names, inner(match)))


@often
@given(match=matches, part=rows)
def test_where_a_match_is_unknown_a_rule_with_it_alone_ends_nothing(match: Match, part: Stretch) -> None:
    match = resolved(match, TEMPLATES)
    for wrapped in (match, Not(match), All((match, Everything())), AnyOf((match, match)), Not(Not(Use("s", match)))):
        book = RuleBook(rules=(Rule(id="a", match=wrapped, action=Action.KILL),), include_locked=True)
        unknown = [row for row in part if match.test(row, NOW) is None]
        assert all(book.judge(row, NOW).decision is Decision.UNDECIDED for row in unknown)


@often
@given(book=books(), guard=matches, part=rows)
def test_protect_wins_over_every_rule(book: RuleBook, guard: Match, part: Stretch) -> None:
    guarded = replace(book, protect=(Protect("guard", guard), *book.protect)).resolve(TEMPLATES)
    known_free = resolved(Not(guard), TEMPLATES)
    for row in part:
        if known_free.test(row, NOW) is not True:
            assert guarded.judge(row, NOW).decision is Decision.PROTECTED
        else:
            assert guarded.judge(row, NOW) == book.resolve(TEMPLATES).judge(row, NOW)


@often
@given(book=books(), keep=matches, part=rows)
def test_a_keep_rule_on_top_never_selects_more(book: RuleBook, keep: Match, part: Stretch) -> None:
    on_top = replace(book, rules=(Rule(id="on top", match=keep, action=Action.KEEP), *book.rules)).resolve(TEMPLATES)
    book = book.resolve(TEMPLATES)
    for row in part:
        before, after = book.judge(row, NOW), on_top.judge(row, NOW)
        assert after == before or after.decision is Decision.KEPT


AND = {(True, True): True, (True, None): None, (True, False): False, (None, None): None, (None, False): False,
       (False, False): False}  # fmt: skip
OR = {(True, True): True, (True, None): True, (True, False): True, (None, None): None, (None, False): None,
      (False, False): False}  # fmt: skip
NOT = {True: False, None: None, False: True}


def _in_table(table: dict[Any, bool | None], one: bool | None, other: bool | None) -> bool | None:
    return table[one, other] if (one, other) in table else table[other, one]


@often
@given(one=matches, other=matches, part=rows)
def test_all_any_and_not_follow_kleenes_tables(one: Match, other: Match, part: Stretch) -> None:
    one, other = resolved(one, TEMPLATES), resolved(other, TEMPLATES)
    for row in part:
        left, right = one.test(row, NOW), other.test(row, NOW)
        assert All((one, other)).test(row, NOW) is _in_table(AND, left, right)
        assert AnyOf((one, other)).test(row, NOW) is _in_table(OR, left, right)
        assert Not(one).test(row, NOW) is NOT[left]


def test_the_examples_reach_what_they_must() -> None:
    """Every truth, every decision, every field at fault, and deep nesting: else the properties above say little."""
    truths: Counter[bool | None] = Counter()
    decisions: Counter[Decision] = Counter()
    culprits: Counter[str] = Counter()
    depths: Counter[int] = Counter()

    @settings(max_examples=500, database=None, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(book=books(), part=rows)
    def collect(book: RuleBook, part: Stretch) -> None:
        book = book.resolve(TEMPLATES)
        for rule in book.rules:
            depths[_depth(rule.match)] += 1
            for row in part:
                truths[rule.match.test(row, NOW)] += 1
                culprits[rule.match.culprit(row, NOW)] += 1
        decisions.update(book.judge(row, NOW).decision for row in part)

    collect()
    assert set(decisions) == set(Decision)
    assert all(truths[truth] > sum(truths.values()) * 0.05 for truth in (True, False, None)), truths
    # An id is always known; stuck and locked mostly name owned_until.
    assert set(culprits) >= set(TESTED) - {"id", "stuck", "locked"}
    assert sum(count for depth, count in depths.items() if depth > 2) > 50, depths


def _depth(match: Match) -> int:
    return 1 + max(map(_depth, inner(match)), default=0)


@pytest.mark.parametrize("age", [timedelta(days=200 * 366), timedelta(days=1)])
@pytest.mark.parametrize("now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_ages_at_the_ends_of_time(age: timedelta, now: datetime) -> None:
    row = Instance(id="x", started=datetime.min.replace(tzinfo=UTC), owned_until=datetime.max.replace(tzinfo=UTC))
    rule = Rule(id="a", match=Everything(), action=Action.KILL)
    assert RuleBook(rules=(rule,)).judge(row, now + age if now.year == 1 else now - age)
