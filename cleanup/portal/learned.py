"""What runs measure on a portal, kept in a small file for the next run's forecast and first batches."""

import json
import os
from dataclasses import asdict
from math import isfinite
from pathlib import Path

from cleanup.limits import GUESSES, Gauge, Learned
from cleanup.portal.methods import BATCH, METHOD_OF
from cleanup.portal.pacing import Pacer

#: Fewer endings than this say little about a portal.
FEWEST = 20


def measured(pacer: Pacer) -> Learned | None:
    """What this process learned; None: too little."""
    (ended, seconds), each = pacer.rate(), pacer.size.seconds_each
    if ended < FEWEST or seconds <= 0 or not each:
        return None
    counted = {method: gauge for method, gauge in pacer.budget.gauges.items() if gauge.reading is not None}
    gauges = [gauge for method, gauge in counted.items() if method in {BATCH, *METHOD_OF.values()}]
    return Learned(
        per_second=ended / seconds,
        seconds_each=each,
        operating_each=max((_cost(counted.get(method)) for method in METHOD_OF.values()), default=0.0),
        batch_each=_cost(counted.get(BATCH)),
        operating_limit=min((gauge.limit for gauge in gauges), default=GUESSES[0].operating_limit),
        operating_window=max((gauge.longest_reset for gauge in gauges), default=0.0) or GUESSES[0].operating_window,
    )


def _cost(gauge: Gauge | None) -> float:
    return (gauge.cost.mean or 0.0) if gauge is not None else 0.0


def load(path: Path) -> Learned | None:
    """None where nothing is remembered, or what is remembered makes no sense."""
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        learned = Learned(**found)
        return learned if _sensible(learned) else None
    except (OSError, ValueError, TypeError):
        return None


def save(path: Path, learned: Learned) -> None:
    """A hint for the next run: a disk that is full loses it, and nothing else."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(asdict(learned)), encoding="ascii")
        temporary.replace(path)
    except OSError:
        return


def _sensible(learned: Learned) -> bool:
    numbers = [learned.per_second, learned.seconds_each, learned.operating_limit, learned.operating_window]
    costs = [learned.operating_each, learned.batch_each]
    return all(isfinite(number) and number > 0 for number in numbers) and all(0 <= cost < 1e6 for cost in costs)
