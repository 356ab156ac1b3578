"""A run in time: ended, batch size, seconds per kill, and the waits. Values in, percentages of a picture out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cleanup.journal import Batch, Wait
from cleanup.reports.html import scales

_MOST_BINS = 60
_MOST_TICKS = 5
#: Seconds without any work, after which a new picture begins: a run that was resumed the next night.
_PAUSE = 1800.0
#: Parts of a picture's width; waits that are closer are drawn as one.
_FINEST = 600


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar, or a level of a line: all in percent of the picture."""

    x: float
    width: float
    height: float
    value: float


@dataclass(frozen=True, slots=True)
class Panel:
    marks: tuple[Mark, ...]
    #: The value at the picture's upper edge.
    top: float


@dataclass(frozen=True, slots=True)
class Shade:
    reason: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """One stretch of work. Times are seconds since 1970."""

    began: float
    ended: float
    #: Seconds of one bar.
    step: float
    #: Per minute, or per bar where a bar is shorter.
    rate: Panel
    size: Panel | None
    each: Panel | None
    shades: tuple[Shade, ...]
    #: Seconds waited, by reason.
    waited: dict[str, float]
    #: (seconds since 1970, percent)
    ticks: tuple[tuple[float, float], ...]
    count: int


def timelines(ended: Counter[float], batches: Sequence[Batch], waits: Sequence[Wait]) -> list[Timeline]:
    """A picture for each stretch of work; empty where nothing was ever sent."""
    spans = [(batch.began.timestamp(), batch.answered.timestamp()) for batch in batches]
    spans += [(moment, moment) for moment in ended]
    return [_timeline(begin, end, ended, batches, waits) for begin, end in _stretches(spans)]


def _stretches(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin - found[-1][1] < _PAUSE:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _timeline(
    begin: float, end: float, ended: Counter[float], batches: Sequence[Batch], waits: Sequence[Wait]
) -> Timeline:
    step = scales.seconds_step(max(end - begin, 0.5), _MOST_BINS)
    bins = _Bins(begin, step, int((end - begin) // step) + 1)
    within = [batch for batch in batches if begin <= batch.began.timestamp() <= end]
    inside = Counter({moment: count for moment, count in ended.items() if begin <= moment <= end})
    shades = _shades(waits, begin, begin + bins.span)
    return Timeline(
        began=begin,
        ended=end,
        step=step,
        rate=_rate(bins, inside),
        size=_sizes(bins, within) if within else None,
        each=_each(bins, within) if any(batch.ended for batch in within) else None,
        shades=tuple(shades),
        waited=_waited(waits, begin, end),
        ticks=_ticks(begin, bins.span),
        count=inside.total(),
    )


@dataclass(frozen=True, slots=True)
class _Bins:
    begin: float
    step: float
    number: int

    @property
    def span(self) -> float:
        return self.step * self.number

    def place(self, moment: float) -> int:
        return min(self.number - 1, max(0, int((moment - self.begin) / self.step)))

    def panel(self, values: dict[int, float]) -> Panel:
        top, width = scales.top(max(values.values(), default=0)), 100 / self.number
        marks = (Mark(place * width, width, 100 * value / top, value) for place, value in sorted(values.items()))
        return Panel(tuple(marks), top)


def _rate(bins: _Bins, ended: Counter[float]) -> Panel:
    counts: dict[int, float] = defaultdict(float)
    for moment, count in ended.items():
        counts[bins.place(moment)] += count * min(1.0, 60 / bins.step)
    return bins.panel(counts)


def _sizes(bins: _Bins, batches: Sequence[Batch]) -> Panel:
    sizes: dict[int, list[int]] = defaultdict(list)
    for batch in batches:
        sizes[bins.place(batch.began.timestamp())].append(batch.entries)
    return bins.panel({place: sum(found) / len(found) for place, found in sizes.items()})


def _each(bins: _Bins, batches: Sequence[Batch]) -> Panel:
    sums: dict[int, tuple[float, int]] = {}
    for batch in batches:
        if batch.ended:
            place = bins.place(batch.began.timestamp())
            seconds, entries = sums.get(place, (0.0, 0))
            sums[place] = seconds + batch.seconds, entries + batch.entries
    return bins.panel({place: seconds / entries for place, (seconds, entries) in sums.items()})


def _shades(waits: Sequence[Wait], begin: float, end: float) -> list[Shade]:
    fine = (end - begin) / _FINEST
    shades: list[Shade] = []
    for reason in ("rate", "operating"):
        for first, last in _joined(_cut(waits, reason, begin, end), fine):
            shades.append(Shade(reason, 100 * (first - begin) / (end - begin), 100 * (last - first) / (end - begin)))
    return shades


def _cut(waits: Sequence[Wait], reason: str, begin: float, end: float) -> list[tuple[float, float]]:
    """The waits of a reason, as far as they lie within the stretch."""
    found = [(wait.began.timestamp(), wait.ended.timestamp()) for wait in waits if wait.reason == reason]
    return [(max(first, begin), min(last, end)) for first, last in found if last > begin and first < end]


def _joined(spans: Sequence[tuple[float, float]], fine: float) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for first, last in spans:
        if joined and first - joined[-1][1] < fine:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _waited(waits: Sequence[Wait], begin: float, end: float) -> dict[str, float]:
    sums = {
        reason: sum(last - first for first, last in _cut(waits, reason, begin, end)) for reason in ("rate", "operating")
    }
    return {reason: seconds for reason, seconds in sums.items() if seconds > 0}


def _ticks(begin: float, span: float) -> tuple[tuple[float, float], ...]:
    step = max(1.0, scales.seconds_step(span, _MOST_TICKS))
    first = -(-begin // step) * step
    number = int((begin + span - first) // step) + 1
    return tuple((first + place * step, 100 * (first - begin + place * step) / span) for place in range(number))
