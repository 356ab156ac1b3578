"""What follows from the form of matches alone: that one implies another, or that two cannot hold together.

A yes holds for every instance and every `now`; a no only says that nothing was found. Unknown counts as "not true"
on both sides, so a yes is about what is certainly true.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cleanup.rules.asked import AssigneeDismissed, DocumentExists, NewestOf, StarterDismissed
from cleanup.rules.match import (
    LOCK_GRACE,
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
    inner,
)

#: Comparisons of two nodes in all, so that no file keeps the loader busy.
STEPS = 40_000
#: Larger trees are not reasoned about.
MOST_NODES = 100
_LIMITS = ("older_than", "newer_than", "before", "after")


@dataclass(frozen=True, slots=True)
class Clash:
    """Two parts that cannot hold together; `at` is the test that the second stands in."""

    at: int
    one: Match
    other: Match


@dataclass(slots=True)
class Reasoner:
    """Answers questions about pairs of matches until its steps are used up; then every answer is no."""

    steps: int = STEPS

    def implies(self, one: Match, other: Match) -> bool:
        """Whether `other` is true of every instance that `one` is true of."""
        return is_small(one) and is_small(other) and self.normal_implies(normal(one), normal(other))

    def normal_implies(self, one: Match, other: Match) -> bool:
        """The same of matches in normal form."""
        self.steps -= 1
        if self.steps < 0:
            return False
        if isinstance(one, AnyOf):
            return all(self.normal_implies(item, other) for item in one.items)
        if isinstance(other, All):
            return all(self.normal_implies(one, item) for item in other.items)
        if isinstance(other, AnyOf) and any(self.normal_implies(one, item) for item in other.items):
            return True
        if isinstance(one, All):
            return any(self.normal_implies(item, other) for item in one.items)
        return not isinstance(other, AnyOf) and _literal_implies(one, other)

    def clash(self, tests: Sequence[Match]) -> Clash | None:
        """The first test that cannot hold together with one before it, when all are wanted at once."""
        before: list[tuple[Match, Match]] = []
        if len(tests) < 2:
            return None  # most maps have one test
        for at, test in enumerate(tests):
            parts = [(part, _denied(part)) for part in conjuncts(normal(test))] if is_small(test) else []
            for one, not_one in before:
                for other, not_other in parts:
                    if self.normal_implies(one, not_other) or self.normal_implies(other, not_one):
                        return Clash(at, one, other)
            before += parts
        return None


def is_small(match: Match) -> bool:
    """Whether it has so few nodes, sets written out, that it is reasoned about."""
    return _room_behind(match, MOST_NODES) >= 0


def _room_behind(match: Match, room: int) -> int:
    """What is left of `room` behind a tree; below 0 as soon as there is none, however large the tree is."""
    room -= 1
    for item in inner(match):
        if room < 0:
            break
        room = _room_behind(item, room)
    return room


def conjuncts(match: Match) -> Iterator[Match]:
    """Of a match in normal form, the parts that must all be true."""
    if not isinstance(match, All):
        yield match
        return
    for item in match.items:
        yield from conjuncts(item)


def normal(match: Match) -> Match:
    """The same truth with sets written out, `not` on leaves only, and a time test for each limit.

    Kleene's logic keeps De Morgan's laws and the double negation.
    """
    match match:
        case Use(_, item):
            return normal(item)
        case Not(item):
            return _denied(normal(item))
        case All(items):
            return All(tuple(map(normal, items)))
        case AnyOf(items):
            return AnyOf(tuple(map(normal, items)))
        case TimeTest():
            parts = tuple(part for limit in _LIMITS if (part := _limit(match, limit)))
            return match if len(parts) < 2 else All(parts)
    return match


def _limit(test: TimeTest, limit: str) -> TimeTest | None:
    value = getattr(test, limit)
    return None if value is None else TimeTest(name=test.name, **{limit: value})


def _denied(match: Match) -> Match:
    """The opposite of a normal form, as a normal form."""
    match match:
        case Not(item):
            return item
        case All(items):
            return AnyOf(tuple(map(_denied, items)))
        case AnyOf(items):
            return All(tuple(map(_denied, items)))
        case Exists(name, expected):
            return Exists(name, not expected)
        case Locked(expected):
            return Locked(not expected)
        case Stuck(longer_than, expected):
            return Stuck(longer_than, not expected)
    return _denied_fact(match)


def _denied_fact(match: Match) -> Match:
    match match:
        case StarterDismissed(expected):
            return StarterDismissed(not expected)
        case AssigneeDismissed(every, expected):
            return AssigneeDismissed(every, not expected)
        case DocumentExists(expected):
            return DocumentExists(not expected)
    return Not(match)


def _literal_implies(one: Match, other: Match) -> bool:
    """Of leaves and denied leaves."""
    if isinstance(other, Everything) or (isinstance(one, Not) and isinstance(one.item, Everything)):
        return True
    if isinstance(other, Exists):
        return one == other or (other.expected and other.name in _known(one))
    match one, other:
        case Not(denied), Not(other_denied):
            # Both know their truth whenever the field has a value, and a false one says that it has.
            return _narrower(other_denied, denied)
        case _, Not(denied):
            return _apart(one, denied)
        case Not(), _:
            return False
    return _narrower(one, other)


def _known(literal: Match) -> frozenset[str]:
    """The fields that have a value where the literal is true."""
    leaf = literal.item if isinstance(literal, Not) else literal
    match leaf:
        case TextTest() | NumberTest() | TimeTest():
            return frozenset({leaf.name})
        case DocumentTypeTest():
            return frozenset({"document_type", "module", "entity", "document_id"})
        case TemplateTest():
            return frozenset({"template", "template_id"})
        case Stuck(_, True) | Locked(True):
            return frozenset({"stuck", "locked"})
        case StarterDismissed():
            return frozenset({"started_by"})
    return frozenset()


def _narrower(one: Match, other: Match) -> bool:
    """Whether leaf `one` being true makes leaf `other` true."""
    match one, other:
        case NumberTest(name, numbers), NumberTest(other_name, other_numbers):
            return name == other_name and numbers <= other_numbers
        case DocumentTypeTest(types), DocumentTypeTest(other_types):
            return types <= other_types
        case TextTest(name, patterns), TextTest(other_name, other_patterns):
            return name == other_name and _all_covered(patterns, other_patterns)
        case TemplateTest(patterns), TemplateTest(other_patterns):
            return _all_covered(patterns, other_patterns)
        case TimeTest(), TimeTest():
            return one.name == other.name and _narrower_time(one, other)
    return _narrower_hold(one, other)


def _narrower_hold(one: Match, other: Match) -> bool:
    """The same for what reads OWNED_UNTIL, of which an instance is free, locked or stuck since some time."""
    match one, other:
        case Locked(expected), Locked(other_expected):
            return expected is other_expected
        case Stuck(longer_than, expected), Stuck(other_longer, other_expected):
            mine, others = max(LOCK_GRACE, longer_than), max(LOCK_GRACE, other_longer)
            return expected is other_expected and (mine >= others if expected else mine <= others)
        case (Stuck(_, True), Locked(False)) | (Locked(True), Stuck(_, False)):
            return True
    return _narrower_fact(one, other)


def _narrower_fact(one: Match, other: Match) -> bool:
    """The same for what the portal was asked about."""
    match one, other:
        case AssigneeDismissed(every, expected), AssigneeDismissed(other_every, other_expected):
            narrower = every >= other_every if expected else every <= other_every
            return expected is other_expected and narrower
        case NewestOf(keep), NewestOf(other_keep):
            return keep >= other_keep
        case (StarterDismissed(), StarterDismissed()) | (DocumentExists(), DocumentExists()):
            return one == other
    return False


def _narrower_time(one: TimeTest, other: TimeTest) -> bool:
    """Each has one limit."""
    if one.older_than is not None and other.older_than is not None:
        return one.older_than >= other.older_than
    if one.newer_than is not None and other.newer_than is not None:
        return one.newer_than <= other.newer_than
    if one.before is not None and other.before is not None:
        return one.before <= other.before
    return one.after is not None and other.after is not None and one.after >= other.after


def _apart(one: Match, other: Match) -> bool:
    """Whether leaf `one` being true makes leaf `other` false."""
    match one, other:
        case NumberTest(name, numbers), NumberTest(other_name, other_numbers):
            return name == other_name and numbers.isdisjoint(other_numbers)
        case DocumentTypeTest(types), DocumentTypeTest(other_types):
            return types.isdisjoint(other_types)
        case TextTest(name, patterns), TextTest(other_name, other_patterns):
            return name == other_name and _no_text_in_common(patterns, other_patterns)
        case TemplateTest(patterns), TemplateTest(other_patterns):
            return _no_text_in_common(patterns, other_patterns)
        case TimeTest(), TimeTest():
            return one.name == other.name and (_times_apart(one, other) or _times_apart(other, one))
    return False


def _times_apart(old: TimeTest, new: TimeTest) -> bool:
    if old.older_than is not None and new.newer_than is not None:
        return old.older_than >= new.newer_than
    return old.before is not None and new.after is not None and old.before <= new.after


def _all_covered(patterns: tuple[Pattern, ...], others: tuple[Pattern, ...]) -> bool:
    return all(pattern in others or any(_covers(other, pattern) for other in others) for pattern in patterns)


def _covers(pattern: Pattern, other: Pattern) -> bool:
    """Regular expressions are not run here: a file must not choose how long that takes."""
    if pattern.kind != "glob":
        return pattern == other
    return pattern.text == "*" or (other.kind == "exact" and pattern.hits(other.text))


def _no_text_in_common(patterns: tuple[Pattern, ...], others: tuple[Pattern, ...]) -> bool:
    return all(_differ(one, other) for one in patterns for other in others)


def _differ(one: Pattern, other: Pattern) -> bool:
    if "regex" in {one.kind, other.kind} or one.kind == other.kind == "glob":
        return False
    text, pattern = (one, other) if one.kind == "exact" else (other, one)
    return not pattern.hits(text.text)
