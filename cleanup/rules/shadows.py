"""Rules that can never decide, because something above them always does first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cleanup.rules.book import Protect, Rule, RuleBook
from cleanup.rules.implication import Reasoner
from cleanup.rules.match import All, AnyOf, Exists, Leaf, Match, Not, Use, inner


@dataclass(frozen=True, slots=True)
class Shadow:
    rule: Rule
    by: Protect | Rule


@dataclass(frozen=True, slots=True)
class _Above:
    """A match above, with the fields that a match below must test before it can imply this one."""

    entry: Protect | Rule
    fields: frozenset[str]


def shadows(book: RuleBook, reasoner: Reasoner) -> Iterator[Shadow]:
    """Each rule that an entry above it leaves nothing to, with the first such entry.

    Whatever makes the rule true makes that entry true, and so it decides first: unknown in a rule above would let the
    instance through, but there it is not unknown. Rules that only several others together shadow are not found.
    """
    above: list[_Above] = []
    written: dict[str, Protect | Rule] = {}
    entries: tuple[Protect | Rule, ...] = (*book.protect, *book.rules)
    for entry in entries:
        text = str(entry.match)
        if isinstance(entry, Rule) and (found := written.get(text) or _shadow(entry, above, reasoner)):
            yield Shadow(entry, found)
        else:
            written.setdefault(text, entry)
            above.append(_Above(entry, _needed(entry.match)))


def _shadow(rule: Rule, above: Sequence[_Above], reasoner: Reasoner) -> Protect | Rule | None:
    fields = _tested(rule.match)
    candidates = (each.entry for each in above if each.fields <= fields)
    return next((entry for entry in candidates if reasoner.implies(rule.match, entry.match)), None)


def _needed(match: Match) -> frozenset[str]:
    match match:
        case All(items):
            return frozenset[str]().union(*map(_needed, items))
        case AnyOf(items):
            return frozenset.intersection(*map(_needed, items))
        case Use(_, item):
            return _needed(item)
    return frozenset() if isinstance(match, Not | Exists) else _fields(match)


def _tested(match: Match) -> frozenset[str]:
    nodes = inner(match)
    return frozenset[str]().union(*map(_tested, nodes)) if nodes else _fields(match)


def _fields(match: Match) -> frozenset[str]:
    return frozenset({match.field_name()} - {""}) if isinstance(match, Leaf) else frozenset()
