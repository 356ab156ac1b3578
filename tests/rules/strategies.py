"""Rule books and instances of every shape that the model allows, many of them near the limits that rules test."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from cleanup.model import Action, Facts, Instance, Standing
from cleanup.rules import Protect, Rule, RuleBook, Take
from cleanup.rules.asked import AssigneeDismissed, DocumentExists, StarterDismissed
from cleanup.rules.match import (
    All,
    AnyOf,
    DocumentTypeTest,
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
    Use,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEMPLATES = {1: "Отпуск", 2: "Отпуск", 3: "Invoice check", 4: "NO"}
FIELDS = ("template_id", "module", "entity", "document_id", "started", "started_by", "modified", "owned_until")
TESTED = (*FIELDS, "id", "template", "document_type", "stuck", "locked")
DOCUMENTS = (
    ("crm", "CCrmDocumentLead", "LEAD_1"),
    ("crm", "CCrmDocumentDeal", "DEAL_7"),
    ("lists", "BizprocDocument", "17"),
    ("crm", "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic", "DYNAMIC_128_9"),
)
TEXTS = ("crm", "lists", "LEAD_1", "17", "CCrmDocumentLead", "Отпуск", "a")
#: Few values, so that tests often hit, and often hit the same.
AGES = tuple(hours * HOUR for hours in (0, 1, 2, 24, 48, 72))
durations = st.sampled_from(AGES[1:])
dates = st.sampled_from([NOW - age for age in AGES])


def instance(chance: random.Random) -> Instance:
    """As the model says: what is unreadable has no value."""
    whole = chance.choice(DOCUMENTS)
    module, entity, document_id = (
        whole if chance.random() < 0.7 else tuple(map(chance.choice, zip(*DOCUMENTS, strict=True)))
    )
    values: dict[str, Any] = {
        "template_id": chance.choice([1, 2, 3, 4, 9]),
        "module": module,
        "entity": entity,
        "document_id": document_id,
        "started": moment(chance),
        "started_by": chance.randint(1, 3),
        "modified": moment(chance),
        "owned_until": chance.choice([None, moment(chance)]),
    }
    unreadable = frozenset(name for name in FIELDS if chance.random() < 0.1)
    absent = {name for name in FIELDS if chance.random() < 0.15}
    values |= dict.fromkeys(absent | unreadable)
    identity = chance.choice(["66e412fdc9bd44.36306599", "a"])
    return Instance(id=identity, unreadable=unreadable, facts=facts(chance), **values)


def facts(chance: random.Random) -> Facts:
    assignees = frozenset(standing for standing in Standing if chance.random() < 0.3)
    return Facts(
        starter=chance.choice([None, *Standing]),
        assignees=chance.choice([None, assignees, assignees]),
        document_exists=chance.choice([None, True, False]),
        newer=chance.choice([None, (), ("b",), ("b", "c")]),
    )


def moment(chance: random.Random) -> datetime:
    """At a limit that rules test, a second before it or after it."""
    return NOW - chance.choice([-HOUR, *AGES]) + timedelta(seconds=chance.randint(-1, 1))


#: Drawn by an index, since hypothesis would take a hundred times as long to draw the parts.
POOL = tuple(instance(random.Random(seed)) for seed in range(3000))
instances = st.integers(0, len(POOL) - 1).map(POOL.__getitem__)


class Stretch(tuple[Instance, ...]):
    """A part of the pool, for what must hold for many; shown in short."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Stretch(POOL[{POOL.index(self[0])}:][:{len(self)}])"


rows = st.integers(0, len(POOL) - 60).map(lambda at: Stretch(POOL[at : at + 60]))


def several(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(item, min_size=1, max_size=3).map(tuple)


patterns = st.one_of(
    st.builds(Pattern, st.just("exact"), st.sampled_from(TEXTS)),
    st.builds(Pattern, st.just("glob"), st.sampled_from(["*", "LEAD_*", "?", "1*", "c?m", "Отп*"])),
    st.builds(Pattern, st.just("regex"), st.sampled_from(["[0-9]+", "LEAD_.*", "a|crm", "О.*"])),
)
names = st.one_of(
    st.builds(Pattern, st.just("exact"), st.sampled_from(sorted(set(TEMPLATES.values())))),
    st.builds(Pattern, st.just("glob"), st.sampled_from(["*", "Отп*", "I*", "?O"])),
)
types = st.frozensets(st.sampled_from(["lead", "deal", "feed_process", "dynamic_128", "task"]), min_size=1)
time_fields = st.sampled_from(["started", "modified"])


@st.composite
def times(draw: st.DrawFn) -> TimeTest:
    limits = {
        "older_than": draw(st.none() | durations),
        "newer_than": draw(st.none() | durations),
        "before": draw(st.none() | dates),
        "after": draw(st.none() | dates),
    }
    if not any(limits.values()):
        limits["older_than"] = HOUR
    return TimeTest(name=draw(time_fields), **limits)  # type: ignore[arg-type] # mypy sees one type for all


leaves: st.SearchStrategy[Match] = st.one_of(
    st.just(Everything()),
    st.builds(TextTest, st.sampled_from(["document_id", "module", "entity", "id"]), several(patterns)),
    st.builds(TemplateTest, several(names)),
    st.builds(NumberTest, st.sampled_from(["template_id", "started_by"]), st.frozensets(st.integers(1, 4), min_size=1)),
    st.builds(DocumentTypeTest, types),
    times(),
    st.builds(
        lambda limit, age, name: TimeTest(name=name, **{limit: age}),
        st.sampled_from(["older_than", "newer_than"]),
        durations,
        time_fields,
    ),
    st.builds(Stuck, st.sampled_from([HOUR / 60, HOUR, 24 * HOUR])),
    st.builds(Stuck, expected=st.booleans()),
    st.builds(Locked, st.booleans()),
    st.builds(StarterDismissed, st.booleans()),
    st.builds(AssigneeDismissed, st.booleans(), st.booleans()),
    st.builds(DocumentExists, st.booleans()),
    st.builds(Exists, st.sampled_from(TESTED).filter(lambda name: name != "owned_until"), st.booleans()),
)


def grown(inner: st.SearchStrategy[Match]) -> st.SearchStrategy[Match]:
    return st.one_of(
        st.builds(Not, inner),
        st.builds(All, several(inner)),
        st.builds(AnyOf, several(inner)),
        inner.map(lambda item: Use(f"set {crc32(str(item).encode())}", item)),
    )


matches = st.recursive(leaves, grown, max_leaves=8)


def rule(name: str, match: Match, action: Action) -> Rule:
    take = Take(3, "newest") if len(name) > 1 and action is not Action.KEEP else None
    return Rule(id=name, match=match, action=action, take=take)


@st.composite
def books(draw: st.DrawFn, most: int = 5) -> RuleBook:
    protect = draw(st.lists(matches, max_size=2))
    rules = draw(st.lists(st.tuples(matches, st.sampled_from(list(Action))), max_size=most))
    return RuleBook(
        protect=tuple(Protect(f"p{index}", match) for index, match in enumerate(protect)),
        rules=tuple(rule(f"r{index}", match, action) for index, (match, action) in enumerate(rules)),
        include_locked=draw(st.booleans()),
    )
