"""Reading a `match`: the vocabulary of fields and tests (DESIGN.md 4) into the tree that rules.match evaluates."""

import re
import warnings
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Places
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import partial
from typing import TypeVar

from cleanup.config import scalars, vocabulary
from cleanup.config.faults import meant
from cleanup.config.nodes import Mapping, Node, Scalar, Sequence, Source
from cleanup.config.sections import Section, items, one_or_many, scalar, section
from cleanup.rules.asked import AssigneeDismissed, DocumentExists, NewestOf, StarterDismissed
from cleanup.rules.documents import DOCUMENT_TYPES
from cleanup.rules.implication import Reasoner
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
    inner,
)

T = TypeVar("T")

#: Keys that stand within a field, and the way to write them.
_OPERATORS = {
    **dict.fromkeys(("older_than", "newer_than", "before", "after"), "started: {{{}: …}} or modified: {{{}: …}}"),
    **dict.fromkeys(("glob", "regex"), "template: {{{}: …}}"),
    "exists": "the field that it is about, such as template: {{{}: false}}",
    "longer_than": "stuck: {{{}: 1h}}",
    "dismissed": "started_by: {{{}: true}} or assigned_to: {{{}: true}}",
    "all_dismissed": "assigned_to: {{{}: true}}",
    **dict.fromkeys(("by", "keep"), "newest_of: {{by: document, keep: 1}}"),
}
LONGEST_PATTERN = 1000
#: Of the newest: each of them is looked up again before an older one is ended.
MOST_KEPT = 10
#: Of one match, with the sets that it uses. Sets that use sets grow like aliases that use aliases.
_MOST_TESTS = 10_000
_DEEPEST_SETS = 5
_TOO_DEEP = f"sets are nested too deeply; a set may use a set, and so on, {_DEEPEST_SETS} times"
DYNAMIC = re.compile(r"dynamic_[1-9][0-9]*", re.ASCII)
#: Stands where a faulty test stood; the file is refused anyway.
_FAULTY = Everything()


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much of a tree there is when its sets are written out."""

    tests: int
    #: Sets that use sets that use sets: how many at most, one in the other.
    sets: int


class MatchReader:
    """Reads matches of one file; knows its timezone and its named sets."""

    def __init__(self, source: Source, timezone: tzinfo | None, sets: Mapping | None, reasoner: Reasoner) -> None:
        self._source, self._timezone, self._reasoner = source, timezone, reasoner
        self._sets = {key.text: value for key, value in sets.pairs} if sets else {}
        self._open: list[str] = []
        self._read: dict[str, Use] = {}
        self._extents: dict[str, _Extent] = {}
        #: The names of sets that a match used.
        self.used: set[str] = set()
        #: Texts that were probably meant as patterns.
        self.doubtful: list[Scalar] = []

    def read_sets(self, names: Mapping | None) -> None:
        """Reads every set, so that faults in unused ones are told too."""
        for name, _ in names.pairs if names else ():
            scalar(self._source, name, scalars.text, "")
            self._named(name.text)

    def read(self, node: Node) -> Match:
        """The tree of a match. Notes faults; never raises."""
        tree = self._tree(node)
        extent = self._extent(tree)
        if extent.sets > _DEEPEST_SETS:
            self._source.fault(node, _TOO_DEEP)
            return _FAULTY
        if extent.tests > _MOST_TESTS:
            self._source.fault(node, f"with the sets that it uses this has more than {_MOST_TESTS:,} tests")
            return _FAULTY
        return tree

    def _extent(self, tree: Match) -> _Extent:
        if isinstance(tree, Use):
            return self._extents[tree.name]
        below = [self._extent(item) for item in inner(tree)]
        return _Extent(1 + sum(each.tests for each in below), max((each.sets for each in below), default=0))

    def _tree(self, node: Node) -> Match:
        if isinstance(node, Scalar):
            if node.text == "everything":
                return Everything()
            self._source.fault(node, "a match is a map of tests; only “match: everything” says all")
            return _FAULTY
        if isinstance(node, Sequence):
            self._source.fault(node, "a match is a map of tests; for OR write “any:” with a list")
            return _FAULTY
        if not node.pairs and node.lacking:
            return _FAULTY
        if not node.pairs:
            self._source.fault(node, "an empty match would mean all; write “match: everything” if that is meant")
            return _FAULTY
        return self._map(node)

    def _map(self, node: Mapping) -> Match:
        told = len(self._source.faults)
        tests = tuple(self._test(key, value) for key, value in node.pairs)
        self._refuse_clashes(tests, [key for key, _ in node.pairs], told)
        return tests[0] if len(tests) == 1 else All(tests)

    def _refuse_clashes(self, tests: tuple[Match, ...], places: Places[Node], told: int) -> None:
        """Only where all tests were read without a fault: what stands for a faulty one proves nothing."""
        if len(self._source.faults) > told:
            return
        if found := self._reasoner.clash(tests):
            self._source.fault(places[found.at], f"nothing has “{found.one}” and “{found.other}” at once")

    def _test(self, key: Scalar, value: Node) -> Match:
        name = key.text
        if name == "all":
            return self._all(value)
        if name == "any":
            return AnyOf(self._several(value, name))
        if name == "not":
            return Not(self._tree(value))
        if name == "use":
            return scalar(self._source, value, self._set, _FAULTY)
        if name in vocabulary.FIELDS:
            return self._field(name, value)
        if name in _OPERATORS:
            self._source.fault(key, f"“{name}” stands within a field; write {_OPERATORS[name].format(name, name)}")
        else:
            self._source.fault(key, f"there is no test “{name}”.{meant(name, vocabulary.MATCH)}")
        return _FAULTY

    def _all(self, node: Node) -> Match:
        told = len(self._source.faults)
        tests = self._several(node, "all")
        self._refuse_clashes(tests, items(self._source, node, "“all”"), told)
        return All(tests)

    def _several(self, node: Node, name: str) -> tuple[Match, ...]:
        found = tuple(self._tree(item) for item in items(self._source, node, f"“{name}”"))
        if not found and isinstance(node, Sequence):
            self._source.fault(node, f"“{name}” has an empty list")
        return found or (_FAULTY,)

    def _set(self, named: Scalar) -> Match:
        name = named.text
        if name in self._open:
            raise ValueError(f"the set “{name}” uses itself")
        if name not in self._sets:
            raise ValueError(f"there is no set “{name}”.{meant(name, self._sets) if self._sets else ''}")
        if len(self._open) > _DEEPEST_SETS:
            raise ValueError(_TOO_DEEP)
        self.used.add(name)
        return self._named(name)

    def _named(self, name: str) -> Use:
        if name not in self._read:
            told = len(self._source.faults)
            self._open.append(name)
            item = self.read(self._sets[name])
            self._open.pop()
            item = item if len(self._source.faults) == told else _FAULTY
            extent = self._extent(item)
            self._read[name], self._extents[name] = Use(name, item), _Extent(extent.tests, extent.sets + 1)
        return self._read[name]

    def _field(self, name: str, value: Node) -> Match:
        if name == "assigned_to":
            return self._assigned(value)
        if name == "newest_of":
            return self._newest(value)
        if name == "document_exists":
            return DocumentExists(scalar(self._source, value, scalars.boolean, True))
        if (
            name == "started_by"
            and isinstance(value, Mapping)
            and any(key.text == "dismissed" for key, _ in value.pairs)
        ):
            found = Section(self._source, value, vocabulary.STARTER, "“started_by” with “dismissed”")
            return StarterDismissed(found.scalar("dismissed", scalars.boolean, True))
        return self._plain_field(name, value)

    def _plain_field(self, name: str, value: Node) -> Match:
        if isinstance(value, Mapping) and any(key.text == "exists" for key, _ in value.pairs):
            found = Section(self._source, value, vocabulary.EXISTS, f"“{name}” with “exists”")
            return Exists(name, found.scalar("exists", scalars.boolean, True))
        if name == "template":
            return TemplateTest(self._patterns(value), f"{self._source.file}:{value.line}:{value.column}")
        if name == "document_type":
            return DocumentTypeTest(frozenset(self._each(value, document_type_of)))
        if name in vocabulary.TEXTS:
            return TextTest(name, self._patterns(value))
        if name in vocabulary.NUMBERS:
            return NumberTest(name, frozenset(self._each(value, partial(scalars.whole, least=1))))
        if name in vocabulary.TIMES:
            return self._time(name, value)
        return self._stuck(value) if name == "stuck" else Locked(scalar(self._source, value, scalars.boolean, True))

    def _assigned(self, node: Node) -> Match:
        found = section(self._source, node, vocabulary.ASSIGNED, "“assigned_to”")
        if found is None:
            return _FAULTY
        if len(found.node.pairs) != 1:
            self._source.fault(node, "“assigned_to” holds either “dismissed” or “all_dismissed”")
            return _FAULTY
        key, _ = found.node.pairs[0]
        return AssigneeDismissed(key.text == "all_dismissed", found.scalar(key.text, scalars.boolean, True))

    def _newest(self, node: Node) -> Match:
        found = section(self._source, node, vocabulary.NEWEST, "“newest_of”")
        if found is None:
            return _FAULTY
        found.require("by", "write “by: document”")
        found.require("keep", "how many of the newest are left alone")
        found.scalar("by", _document, "")
        return NewestOf(found.scalar("keep", _kept, 1))

    def _each(self, node: Node, read: Callable[[Scalar], T]) -> Iterator[T]:
        for item in self._alternatives(node):
            found = scalar(self._source, item, read, None)
            if found is not None:
                yield found

    def _patterns(self, node: Node) -> tuple[Pattern, ...]:
        found = tuple(pattern for item in self._alternatives(node) for pattern in self._pattern(item))
        return found or (Pattern("exact", ""),)

    def _alternatives(self, node: Node) -> tuple[Node, ...]:
        found = one_or_many(node)
        if not found:
            self._source.fault(node, "an empty list matches nothing")
        return found

    def _pattern(self, node: Node) -> Iterator[Pattern]:
        if isinstance(node, Scalar):
            yield from self._compiled("exact", node)
            return
        found = section(self._source, node, vocabulary.TEXT_TEST, "a text test")
        if found is None:
            return
        if len(found.node.pairs) != 1:
            self._source.fault(node, "a text test holds either “glob” or “regex”")
            return
        key, value = found.node.pairs[0]
        if key.text in {"glob", "regex"}:
            if isinstance(value, Scalar):
                yield from self._compiled(key.text, value)
            else:
                self._source.fault(value, f"“{key.text}” takes one text")

    def _compiled(self, kind: str, node: Scalar) -> Iterator[Pattern]:
        written = scalar(self._source, node, scalars.text, "")
        if len(written) > LONGEST_PATTERN:
            self._source.fault(node, f"a pattern may have {LONGEST_PATTERN} letters")
            return
        if not node.text and not node.plain:
            self._source.fault(node, "an empty text matches nothing; for a missing value write {exists: false}")
            return
        if kind == "exact" and ("*" in written or "?" in written):
            self.doubtful.append(node)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                pattern = Pattern(kind, written)
        except (re.error, RecursionError, OverflowError, Warning) as error:
            self._source.fault(node, f"this is no regular expression: {error}")
            return
        yield pattern

    def _time(self, name: str, node: Node) -> Match:
        found = section(self._source, node, vocabulary.TIME_TEST, f"“{name}”")
        if found is None:
            return _FAULTY
        if not found.node.pairs:
            self._source.fault(node, f"“{name}” holds no test; write {name}: {{older_than: 90d}}")
        at = partial(scalars.moment, timezone=self._timezone)
        test = TimeTest(
            name=name,
            older_than=found.scalar("older_than", _duration, None),
            newer_than=found.scalar("newer_than", _duration, None),
            before=found.scalar("before", at, None),
            after=found.scalar("after", at, None),
        )
        self._refuse_impossible(found, test)
        return test

    def _refuse_impossible(self, found: Section, test: TimeTest) -> None:
        node = found.node
        if test.older_than and test.newer_than and test.older_than >= test.newer_than:
            older, newer = found.written("older_than"), found.written("newer_than")
            self._source.fault(node, f"nothing is older than {older} and newer than {newer}")
        if test.before and test.after and test.before <= test.after:
            self._source.fault(node, "nothing is before the one and after the other")

    def _stuck(self, node: Node) -> Match:
        if isinstance(node, Scalar):
            return Stuck(expected=scalar(self._source, node, scalars.boolean, True))
        found = section(self._source, node, vocabulary.STUCK_TEST, "“stuck”")
        if found is None:
            return _FAULTY
        if not found.node.pairs:
            self._source.fault(node, "“stuck” holds no test; write stuck: {longer_than: 1h}")
        longer = found.scalar("longer_than", _duration, None)
        return Stuck() if longer is None else Stuck(longer)


def _duration(node: Scalar) -> timedelta:
    return scalars.duration(node.text)


def _document(node: Scalar) -> str:
    if node.text != "document":
        raise ValueError(f"duplicates are known by document only, not by “{node.text}”")
    return node.text


def _kept(node: Scalar) -> int:
    count = scalars.whole(node, least=1)
    if count > MOST_KEPT:
        raise ValueError(f"a whole number from 1 to {MOST_KEPT} is wanted here, not {count}")
    return count


def document_type_of(node: Scalar) -> str:
    name = scalars.text(node)
    if name in DOCUMENT_TYPES or DYNAMIC.fullmatch(name):
        return name
    if name.lower().startswith(("dynamic", "smart_process")):
        raise ValueError(
            f"there is no document type “{name}”; a smart process is dynamic_<type id>, such as dynamic_128"
        )
    raise ValueError(f"there is no document type “{name}”.{meant(name, (*DOCUMENT_TYPES, 'dynamic_<type id>'))}")
