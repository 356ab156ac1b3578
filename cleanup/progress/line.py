"""A moment of a run in words: parts that stand in one line, or are spread over several."""

from collections.abc import Sequence

from cleanup.progress.snapshot import Level, Listed, Operating, Snapshot
from cleanup.words import duration

_BETWEEN = " · "
#: What bars are drawn with, and the cells of a small one.
FULL, REST = "━", "─"
_CELLS = 10


def describe(snapshot: Snapshot) -> str:
    """All in one line, for a log or a mail."""
    return _BETWEEN.join([count(snapshot.done, snapshot.total), *pace(snapshot), *limits(snapshot), *wait(snapshot)])


def describe_listing(listed: Listed) -> str:
    return _BETWEEN.join([listed_of(listed), *listing_parts(listed)])


def count(done: int, total: int) -> str:
    return f"{done:,} of {total:,}"


def widest(total: int) -> int:
    """Columns that a count of this total takes at most: a bar beside it keeps its place."""
    return len(count(total, total))


def pace(snapshot: Snapshot) -> list[str]:
    parts = []
    if snapshot.rate is not None:
        parts.append(f"{snapshot.rate:.1f}/s")
    if snapshot.left is not None and snapshot.done < snapshot.total:
        parts.append(f"{duration(snapshot.left)} left")
    if snapshot.failed:
        parts.append(f"{snapshot.failed:,} failed")
    return parts


def limits(snapshot: Snapshot, *, gauges: bool = False) -> list[str]:
    """With `gauges` each level has a small bar, where there is room for it."""
    parts = []
    if snapshot.in_flight is not None:
        parts.append(f"{snapshot.in_flight}{_of(snapshot.window)} in flight")
    if snapshot.batch is not None:
        parts.append(f"{snapshot.batch} a batch")
    if snapshot.slowdown is not None:
        parts.append(f"kills {snapshot.slowdown:.1f}× unloaded")
    if snapshot.bucket is not None:
        parts.append(f"bucket {_gauge(snapshot.bucket, gauges)}{_level(snapshot.bucket, digits=0)} used")
    return [*parts, *(operating(snapshot.operating, gauges=gauges) if snapshot.operating else [])]


def _of(window: int | None) -> str:
    return "" if window is None else f" of {window}"


def operating(counter: Operating, *, gauges: bool) -> list[str]:
    told = f"operating {counter.method} {_gauge(counter.level, gauges)}{_level(counter.level, digits=1)} s"
    return [told] if counter.resets_in is None else [told, f"reset in {duration(counter.resets_in)}"]


def wait(snapshot: Snapshot | Listed) -> list[str]:
    return [snapshot.waiting] if snapshot.waiting else []


def listed_of(listed: Listed) -> str:
    return f"{listed.listed:,} listed" if listed.population is None else count(listed.listed, listed.population)


def listing_parts(listed: Listed) -> list[str]:
    parts = [f"{listed.selected:,} selected"]
    if listed.rate is not None:
        parts.append(f"{listed.rate:,.0f}/s")
    requests = f"{listed.requests:,} request{'' if listed.requests == 1 else 's'}"
    return [*parts, requests, *wait(listed)]


def _gauge(level: Level, wanted: bool) -> str:
    filled = round(_CELLS * level.share)
    return f"{FULL * filled}{REST * (_CELLS - filled)} " if wanted else ""


def _level(level: Level, *, digits: int) -> str:
    return f"{level.now:,.{digits}f} of {level.of:,.{digits}f}"


def flow(parts: Sequence[str], width: int) -> list[str]:
    """The parts in as few lines as fit; a part that is wider than a line keeps one for itself."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_BETWEEN) + len(part) <= width:
            lines[-1] += _BETWEEN + part
        else:
            lines.append(part)
    return lines
