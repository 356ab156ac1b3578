"""A rules file written back from what was read: the same judgement, every default written out, no comments."""

from collections.abc import Iterator

from cleanup.config.rules_file import RulesFile
from cleanup.rules import RuleBook
from cleanup.rules.match import Match, Use, braced, inner, quoted


def printed(file: RulesFile) -> str:
    """YAML that the loader reads into an equal book."""
    lines = ["version: 1", *([f"portal: {quoted(file.portal)}"] if file.portal else [])]
    limits = ", ".join(f"{name}: {_number(getattr(file.limits, name))}" for name in file.limits.__slots__)
    lines.append(f"limits: {{{limits}}}")
    sets = dict(_sets(file.book))
    lines += ["sets:", *(f"  {quoted(name)}: {braced(match)}" for name, match in sets.items())] if sets else []
    return "\n".join([*lines, *_book(file.book)]) + "\n"


def _book(book: RuleBook) -> Iterator[str]:
    if book.protect:
        yield "protect:"
    for entry in book.protect:
        why = f", why: {quoted(entry.why)}" if entry.why else ""
        yield f"  - {{id: {quoted(entry.id)}, match: {braced(entry.match)}{why}}}"
    yield "rules:" if book.rules else "rules: []"
    for rule in book.rules:
        reason = f", reason: {quoted(rule.reason)}" if rule.reason else ""
        take = f", take: {{count: {rule.take.count}, order: {rule.take.order}}}" if rule.take else ""
        yield f"  - {{id: {quoted(rule.id)}, match: {braced(rule.match)}, action: {rule.action}{reason}{take}}}"


def _sets(book: RuleBook) -> Iterator[tuple[str, Match]]:
    for match in [entry.match for entry in book.protect] + [rule.match for rule in book.rules]:
        yield from _used(match)


def _used(match: Match) -> Iterator[tuple[str, Match]]:
    if isinstance(match, Use):
        yield match.name, match.item
    for item in inner(match):
        yield from _used(item)


def _number(value: float | None) -> str:
    return "off" if value is None else f"{value:.15g}"
