"""The age histogram with the cut-offs that the rules draw through it. Values in, percentages of a picture out."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cleanup.reports.html import scales
from cleanup.rules import RuleBook
from cleanup.rules.match import Match, Not, TimeTest, inner

_MOST_BARS = 48
_MOST_TICKS = 8
#: Share of the entries that the axis shows apart; the oldest rest shares the last bar.
_SHOWN = 0.98


@dataclass(frozen=True, slots=True)
class Bar:
    """From `begin` to `end` hours of age; end None: all that are older. x, width and height in percent."""

    begin: int
    end: int | None
    count: int
    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class CutOff:
    """A limit of `started` in the rules: at `hours` of age, `older` or newer than that."""

    hours: float
    older: bool
    rules: tuple[str, ...]
    #: None: beyond the picture.
    x: float | None = None


@dataclass(frozen=True, slots=True)
class Ages:
    bars: tuple[Bar, ...]
    cut_offs: tuple[CutOff, ...]
    #: (hours, percent)
    ticks: tuple[tuple[int, float], ...]
    tallest: int
    median: int


def histogram(ages: Counter[int], cut_offs: list[CutOff]) -> Ages | None:
    """None: no age is known."""
    if not ages:
        return None
    typical, oldest = _quantile(ages, _SHOWN), max(ages) + 1
    nearest = [cut.hours * 1.1 for cut in cut_offs if cut.hours < 4 * typical]
    span = max([min(typical * 1.25, oldest), *nearest, 1])
    step = scales.hours_step(span, _MOST_BARS)
    number = int(span // step) + 1
    bars = tuple(_bars(ages, step, number))
    end = step * number
    placed = tuple(CutOff(cut.hours, cut.older, cut.rules, _percent(cut.hours, end)) for cut in cut_offs)
    return Ages(bars, placed, _ticks(end), max(bar.count for bar in bars), _quantile(ages, 0.5))


def _bars(ages: Counter[int], step: int, number: int) -> Iterator[Bar]:
    counts: Counter[int] = Counter()
    for age, count in ages.items():
        counts[min(age // step, number - 1)] += count
    tallest, width = max(counts.values()), 100 / number
    beyond = max(ages) >= step * number
    for place in range(number):
        end = None if beyond and place == number - 1 else (place + 1) * step
        yield Bar(place * step, end, counts[place], place * width, width, 100 * counts[place] / tallest)


def _ticks(end: int) -> tuple[tuple[int, float], ...]:
    step = scales.hours_step(end, _MOST_TICKS)
    return tuple((hours, 100 * hours / end) for hours in range(0, end, step))


def _percent(hours: float, end: int) -> float | None:
    return 100 * hours / end if hours <= end else None


def _quantile(ages: Counter[int], share: float) -> int:
    seen, wanted = 0, share * ages.total()
    for age in sorted(ages):
        seen += ages[age]
        if seen >= wanted:
            return age
    return 0


def cut_offs(book: RuleBook, now: datetime) -> list[CutOff]:
    """Every limit of `started` in the rules and in protect, the youngest first; equal ones together."""
    found: dict[tuple[float, bool], list[str]] = defaultdict(list)
    named = [(entry.id, entry.match) for entry in book.protect] + [(rule.id, rule.match) for rule in book.rules]
    for name, match in named:
        for hours, older in _limits(match, now):
            if hours >= 0 and name not in found[hours, older]:
                found[hours, older].append(name)
    return [CutOff(hours, older, tuple(names)) for (hours, older), names in sorted(found.items()) if names]


def _limits(match: Match, now: datetime, *, turned: bool = False) -> Iterator[tuple[float, bool]]:
    if isinstance(match, TimeTest) and match.name == "started":
        for hours, older in _own(match, now):
            yield hours, older is not turned
    for item in inner(match):
        yield from _limits(item, now, turned=turned is not isinstance(match, Not))


def _own(test: TimeTest, now: datetime) -> Iterator[tuple[float, bool]]:
    if test.older_than is not None:
        yield test.older_than.total_seconds() / 3600, True
    if test.newer_than is not None:
        yield test.newer_than.total_seconds() / 3600, False
    if test.before is not None:
        yield (now - test.before).total_seconds() / 3600, True
    if test.after is not None:
        yield (now - test.after).total_seconds() / 3600, False
