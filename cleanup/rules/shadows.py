"""Rules that can never decide, because something above them always does first."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from cleanup.rules.book import Protect, Rule, RuleBook
from cleanup.rules.implication import Reasoner, conjuncts, is_small, normal
from cleanup.rules.match import DocumentTypeTest, Match, NumberTest, TemplateTest, TextTest, inner


@dataclass(frozen=True, slots=True)
class Shadow:
    rule: Rule
    by: Protect | Rule


#: A field and one of the values that a match asks of it.
_Anchor: TypeAlias = tuple[str, int | str]


def shadows(book: RuleBook, reasoner: Reasoner) -> Iterator[Shadow]:
    """Each rule that an entry above it leaves nothing to, with the first such entry.

    Whatever makes the rule true makes that entry true, and so it decides first: unknown in a rule above would let the
    instance through, but there it is not unknown. Rules that only several others together shadow are not found.
    """
    above = _Above()
    written: dict[str, Protect | Rule] = {}
    entries: tuple[Protect | Rule, ...] = (*book.protect, *book.rules)
    for entry in entries:
        text = str(entry.match)
        small = normal(entry.match) if is_small(entry.match) else None
        found = written.get(text) or (None if small is None else above.taking(small, reasoner))
        if isinstance(entry, Rule) and found:
            yield Shadow(entry, found)
            continue
        written.setdefault(text, entry)
        if small is not None:
            above.add(entry, small)


@dataclass(slots=True)
class _Above:
    """The entries above a rule, found by values that a rule below must ask for to be shadowed by them."""

    entries: list[tuple[Protect | Rule, Match]] = field(default_factory=list)
    anchored: dict[_Anchor, list[int]] = field(default_factory=lambda: defaultdict(list))
    loose: list[int] = field(default_factory=list)

    def add(self, entry: Protect | Rule, match: Match) -> None:
        anchors = _first_anchors(match)
        for anchor in anchors:
            self.anchored[anchor].append(len(self.entries))
        if not anchors:
            self.loose.append(len(self.entries))
        self.entries.append((entry, match))

    def taking(self, match: Match, reasoner: Reasoner) -> Protect | Rule | None:
        """The first entry that takes all of a match below."""
        places = {place for anchor in _all_values(match) for place in self.anchored.get(anchor, ())}
        candidates = (self.entries[place] for place in sorted(places.union(self.loose)))
        return next((entry for entry, other in candidates if reasoner.normal_implies(match, other)), None)


def _first_anchors(match: Match) -> list[_Anchor]:
    """The values of one test that must be true; a match that implies this one asks for some of them by name."""
    return next((found for part in conjuncts(match) if (found := _values(part))), [])


def _all_values(match: Match) -> Iterator[_Anchor]:
    yield from _values(match)
    for item in inner(match):
        yield from _all_values(item)


def _values(match: Match) -> list[_Anchor]:
    match match:
        case NumberTest(name, numbers):
            return [(name, number) for number in numbers]
        case DocumentTypeTest(types):
            return [("document_type", name) for name in types]
        case TextTest(name, patterns) if all(pattern.kind == "exact" for pattern in patterns):
            return [(name, pattern.text) for pattern in patterns]
        case TemplateTest(patterns) if all(pattern.kind == "exact" for pattern in patterns):
            return [("template", pattern.text) for pattern in patterns]
    return []
