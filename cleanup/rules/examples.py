"""Examples in a rules file: an instance, and what must be decided about it. Judged without a portal."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cleanup.model import Action, Decision, Instance
from cleanup.rules.book import RuleBook
from cleanup.rules.explain import Explanation, explain
from cleanup.rules.match import Locked, Match, Stuck, TimeTest, inner, template_tests

#: Where no age matters, an example needs no time of its own.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
#: Numbers of templates that have only a name: beyond those that people meet.
_NAMED = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come; None and the empty set: it does not matter."""

    decisions: frozenset[Decision] = frozenset()
    rule: str | None = None
    action: Action | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    name: str
    #: `line:column` with the file's name.
    place: str
    instance: Instance
    #: The name of the instance's template; None: it has none.
    template: str | None
    now: datetime
    expected: Expected


@dataclass(frozen=True, slots=True)
class Judged:
    """An example with what came, and why."""

    example: Example
    explanation: Explanation

    @property
    def passed(self) -> bool:
        verdict, wanted = self.explanation.verdict, self.example.expected
        pairs = ((wanted.rule, verdict.rule), (wanted.action, verdict.action), (wanted.field, verdict.field))
        decided = not wanted.decisions or verdict.decision in wanted.decisions
        return decided and all(want is None or want == came for want, came in pairs)


def judge(book: RuleBook, example: Example) -> Judged:
    """By a portal that has the templates which the rules name, and that of the instance."""
    templates = {_NAMED + number: name for number, name in enumerate(sorted(exact_names(book)), 1)}
    instance = example.instance
    if example.template is not None:
        named = next((number for number, name in templates.items() if name == example.template), _NAMED)
        instance = replace(instance, template_id=instance.template_id or named)
        templates[instance.template_id or named] = example.template
    return Judged(example, explain(book.resolve(templates), instance, example.now))


def exact_names(book: RuleBook) -> set[str]:
    """The names that a portal must have for these rules."""
    tests = (test for match in matches(book) for test in template_tests(match))
    return {pattern.text for test in tests for pattern in test.patterns if pattern.kind == "exact"}


def matches(book: RuleBook) -> Iterator[Match]:
    yield from (entry.match for entry in book.protect)
    yield from (rule.match for rule in book.rules)


def asks_for_ages(book: RuleBook) -> bool:
    """Whether a judgement by this book depends on when it is made."""
    return any(map(_asks, matches(book)))


def _asks(match: Match) -> bool:
    if isinstance(match, TimeTest):
        return match.older_than is not None or match.newer_than is not None
    return isinstance(match, Stuck | Locked) or any(map(_asks, inner(match)))
