"""When the portal's workers had nothing to do, by the parts of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    seconds: float
    #: The time in which the workers did nothing, over their number.
    idle: float


def parts(work: Iterable[Sequence[float]], workers: int) -> tuple[Part, ...]:
    """`work`: (began, ended, ends) of each request in a worker. Empty where none was to end an instance.

    *Before* lasts until the first request that ends instances is in a worker, the *start* until all workers are busy,
    the *middle* until they are so for the last time, the *end* until the last such request is answered.
    """
    spans = sorted((began, ended, bool(ends)) for began, ended, ends in work)
    ending = [(began, ended) for began, ended, ends in spans if ends]
    if not ending:
        return ()
    first, last = ending[0][0], max(ended for _, ended in ending)
    full, last_full = _full(spans, workers) or (last, last)
    edges = [spans[0][0], first, max(first, full), max(first, last_full), last]
    names = ("before", "start", "middle", "end")
    return tuple(
        Part(name, end - begin, end - begin - _busy(spans, begin, end) / workers)
        for name, begin, end in zip(names, edges, edges[1:], strict=False)
    )


def _full(spans: Iterable[tuple[float, float, bool]], workers: int) -> tuple[float, float] | None:
    """When all workers were busy for the first time, and until when for the last time."""
    turns = sorted([(began, 1) for began, _, _ in spans] + [(ended, -1) for _, ended, _ in spans])
    busy, first, last = 0, None, 0.0
    for at, turn in turns:
        if busy == workers and turn < 0:
            last = at
        busy += turn
        if busy == workers and first is None:
            first = at
    return None if first is None else (first, last)


def _busy(spans: Iterable[tuple[float, float, bool]], begin: float, end: float) -> float:
    return sum(max(0.0, min(end, ended) - max(begin, began)) for began, ended, _ in spans)
