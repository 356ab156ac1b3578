"""The match tree: Kleene's three-valued logic, the tests of each field, and the bound on the start."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.model import Instance
from cleanup.rules.match import (
    All,
    AnyOf,
    Everything,
    Exists,
    Locked,
    Match,
    Not,
    NumberTest,
    Pattern,
    Stuck,
    TemplateTest,
    TextTest,
    TimeTest,
    resolved,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TEMPLATES = {1: "Отпуск", 2: "Отпуск", 3: "Invoice check"}
KNOWN = TextTest("module", (Pattern("exact", "crm"),))
#: One leaf for each truth value, on this instance.
SAMPLE = Instance(id="x", module="crm", entity=None)
TRUE, FALSE = KNOWN, Not(KNOWN)
UNKNOWN = TextTest("entity", (Pattern("exact", "?"),))
LEAVES = {True: TRUE, False: FALSE, None: UNKNOWN}
ORDER = {False: 0, None: 1, True: 2}
"""Kleene: all is the least, any the greatest, not turns the order round."""


def instance(**values: Any) -> Instance:
    return Instance(id="66e412fdc9bd44.36306599", **values)


def test_the_leaves_of_these_tests_have_each_truth_value() -> None:
    assert {truth: leaf.test(SAMPLE, NOW) for truth, leaf in LEAVES.items()} == {t: t for t in LEAVES}


@pytest.mark.parametrize("truths", list(product([True, False, None], repeat=3)))
def test_all_is_the_least_and_any_the_greatest(truths: tuple[bool | None, ...]) -> None:
    leaves = tuple(LEAVES[truth] for truth in truths)
    assert All(leaves).test(SAMPLE, NOW) is min(truths, key=ORDER.__getitem__)
    assert AnyOf(leaves).test(SAMPLE, NOW) is max(truths, key=ORDER.__getitem__)


def test_not_unknown_is_unknown() -> None:
    assert Not(UNKNOWN).test(SAMPLE, NOW) is None
    assert Not(UNKNOWN).culprit(SAMPLE, NOW) == "entity"


moments = st.one_of(
    st.none(),
    st.sampled_from([NOW - 7 * DAY, NOW, NOW - timedelta(minutes=5)]),
    st.integers(-400, 400).map(lambda hours: NOW - timedelta(hours=hours)),
)
instances = st.builds(
    Instance,
    id=st.sampled_from(["66e412fdc9bd44.36306599", "a", "b"]),
    template_id=st.sampled_from([None, 1, 2, 3, 9]),
    module=st.sampled_from([None, "crm", "lists"]),
    entity=st.sampled_from([None, "CCrmDocumentLead", "BizprocDocument"]),
    document_id=st.sampled_from([None, "LEAD_1", "17"]),
    started=moments,
    started_by=st.sampled_from([None, 1, 2]),
    modified=moments,
    owned_until=moments,
    unreadable=st.frozensets(
        st.sampled_from(["owned_until", "started", "modified", "started_by", "template_id", "document_id"])
    ),
)
durations = st.integers(1, 300).map(lambda hours: timedelta(hours=hours))
leaves: st.SearchStrategy[Match] = st.one_of(
    st.just(Everything()),
    st.sampled_from([Locked(), Locked(expected=False), Stuck(), Stuck(expected=False), Stuck(timedelta(hours=2))]),
    st.builds(lambda text: TextTest("module", (Pattern("exact", text),)), st.sampled_from(["crm", "lists"])),
    st.builds(lambda text: TextTest("document_id", (Pattern("glob", text),)), st.sampled_from(["LEAD_*", "1?"])),
    st.builds(lambda numbers: NumberTest("started_by", numbers), st.frozensets(st.integers(1, 3), min_size=1)),
    st.builds(Exists, st.sampled_from(["started", "template", "document_type", "stuck"]), st.booleans()),
    st.builds(lambda text: TemplateTest((Pattern("exact", text),)), st.sampled_from(["Отпуск", "Invoice check"])),
    st.builds(
        lambda name, older: TimeTest(name=name, older_than=older), st.sampled_from(["started", "modified"]), durations
    ),
    st.builds(
        lambda name, newer: TimeTest(name=name, newer_than=newer), st.sampled_from(["started", "modified"]), durations
    ),
    st.builds(lambda hours: TimeTest(name="started", before=NOW - timedelta(hours=hours)), st.integers(-50, 300)),
)
matches = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(match=matches, row=instances)
def test_de_morgan_holds_and_two_nots_are_none(match: Match, row: Instance) -> None:
    other = Stuck()
    truth = match.test(row, NOW)
    assert Not(Not(match)).test(row, NOW) is truth
    assert Not(All((match, other))).test(row, NOW) is AnyOf((Not(match), Not(other))).test(row, NOW)
    assert Not(AnyOf((match, other))).test(row, NOW) is All((Not(match), Not(other))).test(row, NOW)


@given(match=matches, row=instances)
def test_an_unknown_names_the_field_at_fault_and_a_known_none(match: Match, row: Instance) -> None:
    match = resolved(match, TEMPLATES)
    assert bool(match.culprit(row, NOW)) is (match.test(row, NOW) is None)
    assert str(match)


@given(match=matches, row=instances)
def test_nothing_that_started_after_the_bound_matches(match: Match, row: Instance) -> None:
    match = resolved(match, TEMPLATES)
    bound = match.newest_start(NOW)
    if bound is not None and row.started is not None and row.started > bound:
        assert match.test(row, NOW) is not True


@given(match=matches, row=instances, names=st.sampled_from(["module", "document_id", "started", "modified"]))
def test_what_is_known_stays_as_it_is_when_more_becomes_known(match: Match, row: Instance, names: str) -> None:
    """Unknown may become true or false, never the other way: taking a value away cannot select anything new."""
    if any(isinstance(node, Exists) for node in _nodes(match)):
        return  # it asks whether there is a value, so it may change
    poorer = Instance(**{field: getattr(row, field) for field in row.__slots__} | {names: None})
    before, after = match.test(poorer, NOW), match.test(row, NOW)
    assert before is None or before is after


def _nodes(match: Match) -> list[Match]:
    inner = match.items if isinstance(match, All | AnyOf) else (match.item,) if isinstance(match, Not) else ()
    return [match, *(node for item in inner for node in _nodes(item))]


@pytest.mark.parametrize(
    ("started", "older", "newer"),
    [
        (NOW - 7 * DAY - timedelta(seconds=1), True, False),
        (NOW - 7 * DAY, False, False),
        (NOW - 7 * DAY + timedelta(seconds=1), False, True),
        (NOW + DAY, False, True),
        (None, None, None),
    ],
)
def test_ages_are_strict(started: datetime | None, older: bool | None, newer: bool | None) -> None:
    row = instance(started=started)
    assert TimeTest(name="started", older_than=7 * DAY).test(row, NOW) is older
    assert TimeTest(name="started", newer_than=7 * DAY).test(row, NOW) is newer


def test_the_field_carries_the_test() -> None:
    row = instance(started=NOW - 30 * DAY, modified=NOW)
    assert TimeTest(name="started", older_than=7 * DAY).test(row, NOW) is True
    assert TimeTest(name="modified", older_than=7 * DAY).test(row, NOW) is False


@pytest.mark.parametrize(
    ("ago", "locked", "stuck"),
    [
        (timedelta(minutes=-4), True, False),
        (timedelta(), True, False),
        (timedelta(minutes=5), True, False),
        (timedelta(minutes=5, seconds=1), False, True),
        (timedelta(days=30), False, True),
        (None, False, False),
    ],
)
def test_locked_until_five_minutes_after_stuck_from_then_on(ago: timedelta | None, locked: bool, stuck: bool) -> None:
    """Never both: PORTAL.md 7, the documentation's own criterion for a hung process."""
    row = instance(owned_until=None if ago is None else NOW - ago)
    assert Locked().test(row, NOW) is locked
    assert Stuck().test(row, NOW) is stuck


def test_longer_than_only_extends_the_five_minutes() -> None:
    row = instance(owned_until=NOW - timedelta(minutes=2))
    assert Stuck(timedelta(seconds=10)).test(row, NOW) is False
    assert Stuck(timedelta(hours=1)).test(instance(owned_until=NOW - timedelta(minutes=59)), NOW) is False
    assert Stuck(timedelta(hours=1)).test(instance(owned_until=NOW - timedelta(minutes=61)), NOW) is True


def test_an_unreadable_lock_is_neither_locked_nor_free() -> None:
    row = instance(unreadable=frozenset({"owned_until"}))
    assert Locked().test(row, NOW) is Stuck().test(row, NOW) is Locked(expected=False).test(row, NOW) is None


@pytest.mark.parametrize(
    ("kind", "pattern", "hits", "misses"),
    [
        ("exact", "LEAD_1", ["LEAD_1"], ["LEADX1", "lead_1", "LEAD_10", " LEAD_1", "LEAD_1\n"]),
        ("glob", "Согласование*", ["Согласование", "Согласование счёта"], ["согласование", "Не Согласование"]),
        ("glob", "LEAD_?", ["LEAD_1"], ["LEAD_12", "LEAD_"]),
        ("regex", "LEAD_[0-9]+", ["LEAD_17"], ["LEAD_17x", "xLEAD_17", "LEAD_17\n", "LEAD_"]),
        ("regex", "a|b", ["a", "b"], ["ab", "ax"]),
    ],
)
def test_a_text_test_is_of_the_whole_text(kind: str, pattern: str, hits: list[str], misses: list[str]) -> None:
    test = TextTest("document_id", (Pattern(kind, pattern),))
    assert all(test.test(instance(document_id=text), NOW) is True for text in hits)
    assert all(test.test(instance(document_id=text), NOW) is False for text in misses)
    assert test.test(instance(), NOW) is None


def test_a_list_of_values_is_or() -> None:
    test = NumberTest("template_id", frozenset({212, 230}))
    assert [test.test(instance(template_id=number), NOW) for number in (212, 230, 17, None)] == [
        True,
        True,
        False,
        None,
    ]


def test_template_names_mean_every_template_of_that_name() -> None:
    test = resolved(TemplateTest((Pattern("exact", "Отпуск"),)), TEMPLATES)
    truths = [test.test(instance(template_id=number), NOW) for number in (1, 2, 3, 9, None)]
    assert truths == [True, True, False, None, None], "a robot's or deleted template has no name: unknown"


def test_a_template_without_a_name_can_be_asked_for() -> None:
    test = resolved(Exists("template", expected=False), TEMPLATES)
    assert [test.test(instance(template_id=number), NOW) for number in (1, 9, None)] == [False, True, True]


def test_before_names_are_resolved_nothing_is_known() -> None:
    assert TemplateTest((Pattern("exact", "Отпуск"),)).test(instance(template_id=1), NOW) is None
    assert Exists("template", expected=False).test(instance(template_id=1), NOW) is None
