"""The match tree: what a rule says about an instance, in Kleene's three-valued logic.

True and False are known; None is unknown. An absent or unreadable value makes its test unknown, and `not unknown`
is unknown, so that a missing value can never select anything.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from cleanup.model import Instance
from cleanup.rules.documents import document_type

Truth: TypeAlias = "bool | None"

#: OWNED_UNTIL further in the past than this means hung; less, or in the future, means locked (PORTAL.md 7).
LOCK_GRACE = timedelta(minutes=5)
#: What needs no quotes in YAML: nothing that is a number, a yes or a no to some reader.
_WORD = re.compile(r"(?!true|false|null)[a-z][a-z_-]{3,}", re.ASCII)


class Match(Protocol):
    """A node of the tree. `str` gives it as a rules file would have it, without the outer braces."""

    def test(self, instance: Instance, now: datetime) -> Truth: ...

    def culprit(self, instance: Instance, now: datetime) -> str:
        """The field whose missing value makes the test unknown; "" when it is known."""
        ...

    def newest_start(self, now: datetime) -> datetime | None:
        """An instance started after this cannot match; None: no such bound."""
        ...


class Leaf:
    """What most leaves share: one field, no bound on the start."""

    __slots__ = ()

    def test(self, instance: Instance, now: datetime) -> Truth:
        raise NotImplementedError

    def field_name(self) -> str:
        raise NotImplementedError

    def culprit(self, instance: Instance, now: datetime) -> str:
        return self.field_name() if self.test(instance, now) is None else ""

    def newest_start(self, now: datetime) -> datetime | None:
        return None


@dataclass(frozen=True, slots=True)
class Everything(Leaf):
    def test(self, instance: Instance, now: datetime) -> Truth:
        return True

    def field_name(self) -> str:
        return ""

    def __str__(self) -> str:
        return "everything"


@dataclass(frozen=True, slots=True)
class All:
    """False if any is false, true if all are true, else unknown."""

    items: tuple[Match, ...]

    def test(self, instance: Instance, now: datetime) -> Truth:
        found: Truth = True
        for item in self.items:
            truth = item.test(instance, now)
            if truth is False:
                return False
            found = None if truth is None else found
        return found

    def culprit(self, instance: Instance, now: datetime) -> str:
        return "" if self.test(instance, now) is not None else _first_culprit(self.items, instance, now)

    def newest_start(self, now: datetime) -> datetime | None:
        bounds = [bound for item in self.items if (bound := item.newest_start(now)) is not None]
        return min(bounds, default=None)

    def __str__(self) -> str:
        return f"all: [{', '.join(map(braced, self.items))}]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if any is true, false if all are false, else unknown."""

    items: tuple[Match, ...]

    def test(self, instance: Instance, now: datetime) -> Truth:
        found: Truth = False
        for item in self.items:
            truth = item.test(instance, now)
            if truth:
                return True
            found = None if truth is None else found
        return found

    def culprit(self, instance: Instance, now: datetime) -> str:
        return "" if self.test(instance, now) is not None else _first_culprit(self.items, instance, now)

    def newest_start(self, now: datetime) -> datetime | None:
        bounds = [item.newest_start(now) for item in self.items]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if known and len(known) == len(bounds) else None

    def __str__(self) -> str:
        return f"any: [{', '.join(map(braced, self.items))}]"


@dataclass(frozen=True, slots=True)
class Not:
    item: Match

    def test(self, instance: Instance, now: datetime) -> Truth:
        truth = self.item.test(instance, now)
        return None if truth is None else not truth

    def culprit(self, instance: Instance, now: datetime) -> str:
        return self.item.culprit(instance, now)

    def newest_start(self, now: datetime) -> datetime | None:
        return None

    def __str__(self) -> str:
        return f"not: {braced(self.item)}"


def _first_culprit(items: tuple[Match, ...], instance: Instance, now: datetime) -> str:
    return next((found for item in items if (found := item.culprit(instance, now))), "")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text test: `exact`, `glob` or `regex`, always of the whole text and of its very letters."""

    kind: str
    text: str
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises re.error for a faulty regex."""
        source = self.text if self.kind == "regex" else fnmatch.translate(self.text)
        object.__setattr__(self, "_compiled", re.compile(source))

    def hits(self, text: str) -> bool:
        return self.text == text if self.kind == "exact" else self._compiled.fullmatch(text) is not None

    def __str__(self) -> str:
        text = quoted(self.text)
        return text if self.kind == "exact" else f"{{{self.kind}: {text}}}"


@dataclass(frozen=True, slots=True)
class TextTest(Leaf):
    name: str
    patterns: tuple[Pattern, ...]

    def test(self, instance: Instance, now: datetime) -> Truth:
        value: str | None = getattr(instance, self.name)
        return None if value is None else any(pattern.hits(value) for pattern in self.patterns)

    def field_name(self) -> str:
        return self.name

    def __str__(self) -> str:
        return f"{self.name}: [{', '.join(map(str, self.patterns))}]"


@dataclass(frozen=True, slots=True)
class NumberTest(Leaf):
    name: str
    numbers: frozenset[int]

    def test(self, instance: Instance, now: datetime) -> Truth:
        value: int | None = getattr(instance, self.name)
        return None if value is None else value in self.numbers

    def field_name(self) -> str:
        return self.name

    def __str__(self) -> str:
        return f"{self.name}: {sorted(self.numbers)}"


@dataclass(frozen=True, slots=True)
class DocumentTypeTest(Leaf):
    types: frozenset[str]

    def test(self, instance: Instance, now: datetime) -> Truth:
        found = document_type(instance)
        return None if found is None else found in self.types

    def field_name(self) -> str:
        return "document_type"

    def __str__(self) -> str:
        return f"document_type: [{', '.join(sorted(self.types))}]"


@dataclass(frozen=True, slots=True)
class TemplateTest(Leaf):
    """Template names; `resolved` turns them into the ids of one portal's templates, before which it is unknown."""

    patterns: tuple[Pattern, ...]
    #: `line:column` in the rules file, for the message about a name that does not exist.
    place: str = ""
    ids: frozenset[int] = frozenset()
    #: All ids that have a name: a robot's or deleted template has none, so its name is unknown.
    known: frozenset[int] = frozenset()

    def test(self, instance: Instance, now: datetime) -> Truth:
        return instance.template_id in self.ids if instance.template_id in self.known else None

    def field_name(self) -> str:
        return "template"

    def hits(self, pattern: Pattern, templates: Mapping[int, str]) -> frozenset[int]:
        return frozenset(identity for identity, name in templates.items() if pattern.hits(name))

    def __str__(self) -> str:
        return f"template: [{', '.join(map(str, self.patterns))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTest(Leaf):
    """A time field; every limit is strict. `older_than` and `newer_than` count back from `now`."""

    name: str
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    before: datetime | None = None
    after: datetime | None = None

    def test(self, instance: Instance, now: datetime) -> Truth:
        value: datetime | None = getattr(instance, self.name)
        if value is None:
            return None
        return (
            (self.older_than is None or value < _back(now, self.older_than))
            and (self.newer_than is None or value > _back(now, self.newer_than))
            and (self.before is None or value < self.before)
            and (self.after is None or value > self.after)
        )

    def field_name(self) -> str:
        return self.name

    def newest_start(self, now: datetime) -> datetime | None:
        return self._upper(now) if self.name == "started" else None

    def _upper(self, now: datetime) -> datetime | None:
        limits = [self.before] if self.before is not None else []
        limits += [_back(now, self.older_than)] if self.older_than is not None else []
        return min(limits, default=None)

    def __str__(self) -> str:
        ages = [f"{name}: {written(age)}" for name in ("older_than", "newer_than") if (age := getattr(self, name))]
        dates = [f"{name}: {date.isoformat()}" for name in ("before", "after") if (date := getattr(self, name))]
        return f"{self.name}: {{{', '.join(ages + dates)}}}"


def _back(now: datetime, age: timedelta) -> datetime:
    try:
        return now - age
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)


@dataclass(frozen=True, slots=True)
class Stuck(Leaf):
    """OWNED_UNTIL more than five minutes past; `longer_than` only extends it."""

    longer_than: timedelta = LOCK_GRACE
    expected: bool = True

    def test(self, instance: Instance, now: datetime) -> Truth:
        if "owned_until" in instance.unreadable:
            return None
        stuck = instance.owned_until is not None and instance.owned_until < _back(
            now, max(LOCK_GRACE, self.longer_than)
        )
        return stuck is self.expected

    def field_name(self) -> str:
        return "owned_until"

    def __str__(self) -> str:
        if self.longer_than <= LOCK_GRACE:
            return f"stuck: {str(self.expected).lower()}"
        return f"stuck: {{longer_than: {written(self.longer_than)}}}"


@dataclass(frozen=True, slots=True)
class Locked(Leaf):
    """OWNED_UNTIL in the future, or past by no more than five minutes: the portal may be executing it right now."""

    expected: bool = True

    def test(self, instance: Instance, now: datetime) -> Truth:
        if "owned_until" in instance.unreadable:
            return None
        locked = instance.owned_until is not None and instance.owned_until >= _back(now, LOCK_GRACE)
        return locked is self.expected

    def field_name(self) -> str:
        return "owned_until"

    def __str__(self) -> str:
        return f"locked: {str(self.expected).lower()}"


@dataclass(frozen=True, slots=True)
class Exists(Leaf):
    """Whether the portal gave the field a value; unknown where the value could not be read."""

    name: str
    expected: bool
    #: For `template`: the ids that have a name, filled in when names are resolved. None: not yet.
    known: frozenset[int] | None = None

    def test(self, instance: Instance, now: datetime) -> Truth:
        if any(attribute in instance.unreadable for attribute in self._attributes()):
            return None
        if self.name == "template":
            return None if self.known is None else (instance.template_id in self.known) is self.expected
        found = document_type(instance) if self.name == "document_type" else getattr(instance, self._attributes()[0])
        return (found is not None) is self.expected

    def _attributes(self) -> tuple[str, ...]:
        several = {
            "document_type": ("module", "entity", "document_id"),
            "template": ("template_id",),
            "stuck": ("owned_until",),
            "locked": ("owned_until",),
        }
        return several.get(self.name, (self.name,))

    def field_name(self) -> str:
        return self.name

    def __str__(self) -> str:
        return f"{self.name}: {{exists: {str(self.expected).lower()}}}"


@dataclass(frozen=True, slots=True)
class Use:
    """A named set."""

    name: str
    item: Match

    def test(self, instance: Instance, now: datetime) -> Truth:
        return self.item.test(instance, now)

    def culprit(self, instance: Instance, now: datetime) -> str:
        return self.item.culprit(instance, now)

    def newest_start(self, now: datetime) -> datetime | None:
        return self.item.newest_start(now)

    def __str__(self) -> str:
        return f"use: {self.name if _WORD.fullmatch(self.name) else quoted(self.name)}"


def braced(match: Match) -> str:
    """A match as the value of a key, or as an item of a list."""
    return str(match) if isinstance(match, Everything) else f"{{{match}}}"


def quoted(text: str) -> str:
    """A text as YAML readers read it back, in printable letters of one line only."""
    return "".join(map(_escaped, json.dumps(text, ensure_ascii=False)))


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def written(age: timedelta) -> str:
    """A duration as a rules file has it: 90d, 1d12h."""
    left, parts = int(age.total_seconds()), []
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def template_tests(match: Match) -> Iterator[TemplateTest]:
    """Every test of a template name in a tree."""
    if isinstance(match, TemplateTest):
        yield match
    for item in inner(match):
        yield from template_tests(item)


def takes_all(match: Match) -> bool:
    """Whether a tree is true of every instance, as far as its form tells."""
    match match:
        case Everything():
            return True
        case AnyOf(items):
            return any(map(takes_all, items))
        case All(items):
            return all(map(takes_all, items))
        case Use(_, item):
            return takes_all(item)
    return False


def inner(match: Match) -> tuple[Match, ...]:
    """The trees right below a node."""
    if isinstance(match, All | AnyOf):
        return match.items
    return (match.item,) if isinstance(match, Not | Use) else ()


def resolved(match: Match, templates: Mapping[int, str]) -> Match:
    """The same tree with template names turned into ids."""
    known = frozenset(templates)
    match match:
        case All(items):
            return All(tuple(resolved(item, templates) for item in items))
        case AnyOf(items):
            return AnyOf(tuple(resolved(item, templates) for item in items))
        case Not(item):
            return Not(resolved(item, templates))
        case Use(name, item):
            return Use(name, resolved(item, templates))
        case TemplateTest(patterns, place):
            ids = frozenset[int]().union(*(match.hits(pattern, templates) for pattern in patterns))
            return TemplateTest(patterns, place, ids, known)
        case Exists("template", expected):
            return Exists("template", expected, known)
    return match
