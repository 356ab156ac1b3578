"""What each line of DESIGN.md 4 means: the text of a match against a reading of it by hand, on any instance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import parse_rules
from cleanup.model import Decision, Facts, Instance, Standing
from cleanup.rules import RuleBook

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TEMPLATES = {1: "Согласование счёта", 2: "Согласование", 3: "Отпуск", 4: "Отпуск"}
LEAD = ("crm", "CCrmDocumentLead", "LEAD_1")
ITEM = ("crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic", "DYNAMIC_128_9")
REQUEST = ("lists", "BizprocDocument", "501")

Truth = bool | None
Reading = Callable[[Instance], Truth]

seconds = st.sampled_from([-1, 0, 1])
moments = st.one_of(
    st.none(),
    st.builds(
        lambda age, off: NOW - age + timedelta(seconds=off),
        st.sampled_from([timedelta(), 5 * MINUTE, HOUR, DAY, 7 * DAY, 90 * DAY, 180 * DAY, -HOUR]),
        seconds,
    ),
    st.builds(lambda off: datetime(2026, 10, 31, 21, tzinfo=UTC) + timedelta(seconds=off), seconds),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(3 * HOUR), timezone(-11 * HOUR)])),
)
parts = st.one_of(
    st.sampled_from([LEAD, ITEM, REQUEST]),
    st.tuples(*(st.sampled_from([None, *each]) for each in zip(LEAD, ITEM, REQUEST, strict=True))),
    st.tuples(*[st.none() | st.text(max_size=5)] * 3),
)


standings = st.sampled_from(Standing)
facts = st.builds(
    Facts,
    starter=st.none() | standings,
    assignees=st.none() | st.frozensets(standings),
    document_exists=st.none() | st.booleans(),
    newer=st.none() | st.sampled_from([(), ("b",), ("c", "b")]),
)


@st.composite
def instances(draw: st.DrawFn) -> Instance:
    """Whatever the model allows; what is unreadable has no value."""
    module, entity, document_id = draw(parts)
    values = {
        "template_id": draw(st.none() | st.integers(1, 6)),
        "module": module,
        "entity": entity,
        "document_id": document_id,
        "started": draw(moments),
        "started_by": draw(st.none() | st.integers(1, 3)),
        "modified": draw(moments),
        "owned_until": draw(moments),
    }
    unreadable = draw(st.frozensets(st.sampled_from(list(values)), max_size=2))
    return Instance(
        id=draw(st.sampled_from(["66e412fdc9bd44.36306599", "x"])),
        unreadable=unreadable,
        facts=draw(facts),
        **values | dict.fromkeys(unreadable),  # type: ignore[arg-type] # mypy sees one type for all values
    )


def known(value: object, truth: Callable[[], bool]) -> Truth:
    return None if value is None else truth()


def older(moment: datetime | None, than: timedelta) -> Truth:
    return known(moment, lambda: NOW - moment > than)  # type: ignore[operator] # it is not None here


def newer(moment: datetime | None, than: timedelta) -> Truth:
    return known(moment, lambda: NOW - moment < than)  # type: ignore[operator] # it is not None here


def documented(row: Instance) -> str | None:
    """Only of the kinds that these instances can be."""
    triple = (row.module, row.entity, row.document_id)
    return {LEAD: "lead", ITEM: "dynamic_128", REQUEST: "feed_process"}.get(triple)  # type: ignore[arg-type]


def owned(row: Instance, truth: Callable[[datetime | None], bool]) -> Truth:
    return None if "owned_until" in row.unreadable else truth(row.owned_until)


def named(row: Instance, names: set[str]) -> Truth:
    name = TEMPLATES.get(row.template_id or 0)
    return None if name is None else name in names


def both(one: Truth, other: Truth) -> Truth:
    return False if one is False or other is False else None if one is None or other is None else True


def either(one: Truth, other: Truth) -> Truth:
    return True if one is True or other is True else None if one is None or other is None else False


def left(standing: Standing | None) -> Truth:
    """Whether a user is dismissed."""
    return {Standing.ACTIVE: False, Standing.DISMISSED: True}.get(standing)  # type: ignore[arg-type] # None has none


def some_left(row: Instance) -> Truth:
    truth: Truth = False
    for standing in row.facts.assignees or ():
        truth = either(truth, left(standing))
    return None if row.facts.assignees is None else truth


def all_left(row: Instance) -> Truth:
    truth: Truth = bool(row.facts.assignees)
    for standing in row.facts.assignees or ():
        truth = both(truth, left(standing))
    return None if row.facts.assignees is None else truth


def opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


def exists(row: Instance, field: str, value: object) -> Truth:
    return None if field in row.unreadable else value is not None


VOCABULARY: dict[str, Reading] = {
    "everything": lambda row: True,
    "{template: Отпуск}": lambda row: named(row, {"Отпуск"}),
    '{template: {glob: "Согласование*"}}': lambda row: named(row, {"Согласование", "Согласование счёта"}),
    "{template: [Отпуск, {regex: 'Согл.*ние'}]}": lambda row: named(row, {"Отпуск", "Согласование"}),
    "{template: {exists: false}}": lambda row: opposite(
        exists(row, "template_id", TEMPLATES.get(row.template_id or 0))
    ),
    "{template_id: [2, 6]}": lambda row: known(row.template_id, lambda: row.template_id in {2, 6}),
    "{document_type: lead}": lambda row: known(documented(row), lambda: documented(row) == "lead"),
    "{document_type: [dynamic_128, feed_process]}": lambda row: known(
        documented(row), lambda: documented(row) in {"dynamic_128", "feed_process"}
    ),
    "{document_type: dynamic_12}": lambda row: known(documented(row), lambda: False),
    "{document_id: LEAD_1}": lambda row: known(row.document_id, lambda: row.document_id == "LEAD_1"),
    '{document_id: {glob: "LEAD_*"}}': lambda row: known(
        row.document_id, lambda: str(row.document_id).startswith("LEAD_")
    ),
    '{document_id: {regex: "[0-9]{3}"}}': lambda row: known(
        row.document_id, lambda: len(str(row.document_id)) == 3 and set(str(row.document_id)) <= set("0123456789")
    ),
    "{module: crm}": lambda row: known(row.module, lambda: row.module == "crm"),
    "{module: [crm, lists]}": lambda row: known(row.module, lambda: row.module in {"crm", "lists"}),
    "{entity: BizprocDocument}": lambda row: known(row.entity, lambda: row.entity == "BizprocDocument"),
    "{started_by: 1}": lambda row: known(row.started_by, lambda: row.started_by == 1),
    '{id: "66e412fdc9bd44.36306599"}': lambda row: row.id == "66e412fdc9bd44.36306599",
    "{started: {older_than: 90d}}": lambda row: older(row.started, 90 * DAY),
    "{started: {newer_than: 1w}}": lambda row: newer(row.started, 7 * DAY),
    "{modified: {older_than: 24h}}": lambda row: older(row.modified, DAY),
    "{modified: {older_than: 1d, newer_than: 90d}}": lambda row: both(
        older(row.modified, DAY), newer(row.modified, 90 * DAY)
    ),
    # midnight of the file's timezone
    "{started: {before: 2026-11-01}}": lambda row: older(row.started, NOW - datetime(2026, 10, 31, 21, tzinfo=UTC)),
    "{started: {after: 2026-11-01T00:00:00+03:00}}": lambda row: newer(
        row.started, NOW - datetime(2026, 10, 31, 21, tzinfo=UTC)
    ),
    "{started: {exists: true}}": lambda row: exists(row, "started", row.started),
    "{started_by: {exists: false}}": lambda row: opposite(exists(row, "started_by", row.started_by)),
    "{locked: true}": lambda row: owned(row, lambda until: until is not None and until >= NOW - 5 * MINUTE),
    "{locked: false}": lambda row: owned(row, lambda until: until is None or until < NOW - 5 * MINUTE),
    "{stuck: true}": lambda row: owned(row, lambda until: until is not None and until < NOW - 5 * MINUTE),
    "{stuck: {longer_than: 1m}}": lambda row: owned(row, lambda until: until is not None and until < NOW - 5 * MINUTE),
    "{stuck: {longer_than: 1h}}": lambda row: owned(row, lambda until: until is not None and until < NOW - HOUR),
    "{stuck: {exists: true}}": lambda row: owned(row, lambda until: until is not None),
    "{started_by: {dismissed: true}}": lambda row: known(row.started_by, lambda: left(row.facts.starter)),  # type: ignore[arg-type,return-value] # unknown, too
    "{started_by: {dismissed: false}}": lambda row: opposite(
        known(row.started_by, lambda: left(row.facts.starter))  # type: ignore[arg-type,return-value] # the same
    ),
    "{assigned_to: {dismissed: true}}": some_left,
    "{assigned_to: {dismissed: false}}": lambda row: opposite(some_left(row)),
    "{assigned_to: {all_dismissed: true}}": all_left,
    "{not: {assigned_to: {all_dismissed: true}}}": lambda row: opposite(all_left(row)),
    "{document_exists: false}": lambda row: opposite(row.facts.document_exists),
    "{document_exists: true, module: crm}": lambda row: both(
        row.facts.document_exists, known(row.module, lambda: row.module == "crm")
    ),
    "{not: {started_by: 1}}": lambda row: known(row.started_by, lambda: row.started_by != 1),
    "{started_by: 1, module: crm}": lambda row: both(
        known(row.started_by, lambda: row.started_by == 1), known(row.module, lambda: row.module == "crm")
    ),
    "{any: [{started_by: 1}, {module: crm}]}": lambda row: either(
        known(row.started_by, lambda: row.started_by == 1), known(row.module, lambda: row.module == "crm")
    ),
    "{use: old-leads}": lambda row: both(
        known(documented(row), lambda: documented(row) == "lead"), older(row.started, 90 * DAY)
    ),
    "{not: {any: [{use: old-leads}, {stuck: true}]}}": lambda row: opposite(
        either(
            both(known(documented(row), lambda: documented(row) == "lead"), older(row.started, 90 * DAY)),
            owned(row, lambda until: until is not None and until < NOW - 5 * MINUTE),
        )
    ),
}
FILE = """\
version: 1
timezone: Europe/Moscow
sets: {{old-leads: {{document_type: lead, started: {{older_than: 90d}}}}}}
{section}:
  - {{id: only, match: {match}{action}}}
"""


@cache
def book(match: str, action: str) -> RuleBook:
    text = FILE.format(section="rules", match=match, action=f", action: {action}")
    return parse_rules(text, "rules.yaml").book.resolve(TEMPLATES)


@cache
def protecting(match: str) -> RuleBook:
    text = (
        FILE.format(section="protect", match=match, action="") + "rules: [{id: all, match: everything, action: kill}]\n"
    )
    return parse_rules(text, "rules.yaml").book.resolve(TEMPLATES)


@pytest.mark.parametrize("match", VOCABULARY)
@settings(max_examples=60)
@given(row=instances())
def test_a_match_says_what_it_reads_as(match: str, row: Instance) -> None:
    """In a kill rule, a keep rule and a protect entry, where unknown means three different things."""
    truth = VOCABULARY[match](row)
    locked = owned(row, lambda until: until is not None and until >= NOW - 5 * MINUTE)

    ended = {True: Decision.LOCKED, None: Decision.UNDECIDED, False: Decision.SELECTED}[locked]
    kill = book(match, "kill").judge(row, NOW)
    assert kill.decision is {True: ended, None: Decision.UNDECIDED, False: Decision.NO_MATCH}[truth]
    assert bool(kill.field) is (kill.decision is Decision.UNDECIDED)

    keep = book(match, "keep").judge(row, NOW)
    assert keep.decision is (Decision.KEPT if truth else Decision.NO_MATCH)

    protect = protecting(match).judge(row, NOW)
    assert protect.decision is (ended if truth is False else Decision.PROTECTED)
    if truth is not False:
        assert bool(protect.field) is (truth is None)


@pytest.mark.parametrize("match", VOCABULARY)
@settings(max_examples=30)
@given(row=instances())
def test_a_listing_that_stops_at_the_newest_start_loses_nothing(match: str, row: Instance) -> None:
    rules = book(match, "kill")
    bound = rules.newest_start(NOW)
    if rules.judge(row, NOW).decision is Decision.SELECTED and bound is not None:
        assert row.started is not None
        assert row.started <= bound


@pytest.mark.parametrize(
    ("match", "bound"),
    [
        ("{started: {older_than: 90d}}", NOW - 90 * DAY),
        ("{started: {before: 2026-11-01}}", datetime(2026, 10, 31, 21, tzinfo=UTC)),
        ("{started: {older_than: 90d, before: 2026-11-01}}", NOW - 90 * DAY),
        ("{started: {older_than: 90d}, module: crm}", NOW - 90 * DAY),
        ("{any: [{started: {older_than: 90d}}, {started: {older_than: 30d}}]}", NOW - 30 * DAY),
        ("{any: [{started: {older_than: 90d}}, {module: crm}]}", None),
        ("{not: {started: {older_than: 90d}}}", None),
        ("{started: {newer_than: 90d}}", None),
        ("{modified: {older_than: 90d}}", None),
        ("{use: old-leads}", NOW - 90 * DAY),
        ("everything", None),
    ],
)
def test_the_newest_start_is_taken_from_the_limits_on_the_start(match: str, bound: datetime | None) -> None:
    assert book(match, "kill").newest_start(NOW) == bound
    assert book(match, "keep").newest_start(NOW) is None


@pytest.mark.parametrize("keep", [1, 2, 3])
@settings(max_examples=60)
@given(row=instances())
def test_an_older_duplicate_has_as_many_newer_ones_as_are_kept(keep: int, row: Instance) -> None:
    """Only in a rule that ends: elsewhere it is refused."""
    rules = book(f"{{newest_of: {{by: document, keep: {keep}}}}}", "kill")
    truth = None if row.facts.newer is None else len(row.facts.newer) >= keep
    assert rules.rules[0].match.test(row, NOW) is truth


@pytest.mark.parametrize("match", VOCABULARY)
@settings(max_examples=40)
@given(row=instances())
def test_what_is_not_asked_would_have_changed_nothing(match: str, row: Instance) -> None:
    """Where the portal is not asked, the judgement without facts is the one with them."""
    blind = replace(row, facts=Facts())
    for rules in (book(match, "kill"), book(match, "keep"), protecting(match)):
        if not rules.wants(blind, NOW):
            assert rules.judge(blind, NOW) == rules.judge(row, NOW)
