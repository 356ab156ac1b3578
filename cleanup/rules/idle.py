"""Which alternatives of a rule selected nothing: an item of a list, a branch of `any`. They may be outdated."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from cleanup.model import Instance
from cleanup.rules.match import AnyOf, DocumentTypeTest, Match, Not, NumberTest, TemplateTest, TextTest, inner, resolved


def idle(match: Match, selected: Iterable[Instance], now: datetime, templates: Mapping[int, str]) -> list[str]:
    """The alternatives, as they are written, of which none is true for any of the `selected` instances."""
    left = [resolved(each, templates) for each in alternatives(match)]
    for instance in selected:
        if not left:
            break
        left = [each for each in left if each.test(instance, now) is not True]
    return list(map(str, left))


def alternatives(match: Match) -> Iterator[Match]:
    """Every item of a list of several, and every branch of an `any`, each as a match of its own.

    Below `not` an alternative that is never true is what is wanted, so nothing is told of those.
    """
    if isinstance(match, Not):
        return
    if isinstance(match, AnyOf):
        yield from match.items
    several = tuple(_items(match))
    if len(several) > 1:
        yield from several
    for item in inner(match):
        yield from alternatives(item)


def _items(match: Match) -> Iterator[Match]:
    match match:
        case TextTest() | TemplateTest():
            yield from (replace(match, patterns=(pattern,)) for pattern in match.patterns)
        case NumberTest():
            yield from (replace(match, numbers=frozenset({number})) for number in sorted(match.numbers))
        case DocumentTypeTest():
            yield from (replace(match, types=frozenset({name})) for name in sorted(match.types))
