"""Why an instance is judged as it is: every rule and every clause with its truth, and the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cleanup.model import Instance, Verdict
from cleanup.rules.book import RuleBook
from cleanup.rules.match import Match, Truth, inner


@dataclass(frozen=True, slots=True)
class Clause:
    """One node of a match, as it is written, and what it says about the instance."""

    depth: int
    text: str
    truth: Truth
    #: The field whose missing value makes it unknown; "" for a known truth.
    field: str


@dataclass(frozen=True, slots=True)
class Part:
    """A protect entry or a rule: `kind` is protect, keep, terminate or kill. Clauses are outermost first."""

    kind: str
    id: str
    truth: Truth
    clauses: tuple[Clause, ...]
    #: It decided; what stands behind it was not asked.
    decided: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    verdict: Verdict
    parts: tuple[Part, ...]


def explain(book: RuleBook, instance: Instance, now: datetime) -> Explanation:
    """The way of `RuleBook.judge`, told part by part. The book's template names must be resolved."""
    verdict = book.judge(instance, now)
    told = [("protect", entry.id, entry.match) for entry in book.protect]
    told += [(rule.action.value, rule.id, rule.match) for rule in book.rules]
    return Explanation(
        verdict,
        tuple(
            Part(
                kind,
                name,
                match.test(instance, now),
                tuple(_clauses(match, instance, now, 0)),
                decided=name == verdict.rule,
            )
            for kind, name, match in told
        ),
    )


def _clauses(match: Match, instance: Instance, now: datetime, depth: int) -> Iterator[Clause]:
    nodes = inner(match)
    text = str(match).partition(":")[0] if nodes else str(match)
    yield Clause(depth, text, match.test(instance, now), match.culprit(instance, now))
    for item in nodes:
        yield from _clauses(item, instance, now, depth + 1)
