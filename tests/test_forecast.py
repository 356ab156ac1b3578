"""How long an apply will take is told before it begins, and learned from what earlier runs measured."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.limits import GUESSES, ORDINARY_RATE, Bound, Learned, Pacing, RequestRate, forecast
from cleanup.portal import learned
from tests.conftest import Open
from tests.harness import EVERYTHING

QUICK = Learned(
    per_second=100.0, seconds_each=0.01, operating_each=0.0, batch_each=0.0, operating_limit=480, operating_window=600
)
FREE = Pacing(rate=None, level=0, operating_limit=480, operating_share=0.9, batch_seconds=10, batch_limit=50)


def test_without_limits_the_portals_own_work_decides() -> None:
    told = forecast([2000, 500], QUICK, FREE)
    assert (told.seconds, told.bound) == (25.0, Bound.WORK)


def test_nothing_to_end_takes_no_time() -> None:
    told = forecast([], QUICK, replace(FREE, rate=ORDINARY_RATE, level=50))
    assert (told.seconds, told.requests) == (0.0, 0)


def test_a_full_bucket_flows_out_first() -> None:
    """5,000 endings take 100 batches and 4 look-ups of 1,500; 20 places are free, then 1 a second."""
    told = forecast([5000], QUICK, replace(FREE, rate=RequestRate(50, 1), level=30))
    assert (told.requests, told.seconds, told.bound) == (104, 84.0, Bound.REQUESTS)


def test_the_operating_budget_is_waited_for_in_whole_windows() -> None:
    """432 s of budget are 4,320 kills of 0.1 s; 10,000 need two more windows, and the last part its own work."""
    told = forecast([10_000], replace(QUICK, operating_each=0.1), FREE)
    assert told.bound is Bound.OPERATING
    assert told.seconds == pytest.approx(2 * 600 + (10_000 - 2 * 4320) / 100)


def test_kill_and_terminate_have_budgets_of_their_own_and_batch_counts_both() -> None:
    apart = forecast([4000, 4000], replace(QUICK, operating_each=0.1), FREE)
    assert apart.bound is Bound.WORK
    together = forecast([4000, 4000], replace(QUICK, batch_each=0.1), FREE)
    assert together.bound is Bound.OPERATING


@given(
    count=st.integers(0, 10**6),
    more=st.integers(0, 10**5),
    each=st.floats(1e-3, 3.0),
    bucket=st.sampled_from([None, ORDINARY_RATE, RequestRate(1, 0.1)]),
)
def test_more_instances_never_take_less(count: int, more: int, each: float, bucket: RequestRate | None) -> None:
    basis = Learned(
        per_second=4 / each,
        seconds_each=each,
        operating_each=each,
        batch_each=each / 2,
        operating_limit=480,
        operating_window=600,
    )
    pacing = replace(FREE, rate=bucket)
    less, rest = forecast([count], basis, pacing), forecast([count + more], basis, pacing)
    assert less.seconds <= rest.seconds + 1e-6
    assert less.requests <= rest.requests


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"per_second": -1}', '{"per_second": 1e999}', "\x00", '"x"'])
def test_a_memory_that_makes_no_sense_is_no_memory(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.learned.json"
    file.write_text(text, encoding="utf-8")
    assert learned.load(file) is None
    learned.save(file, GUESSES[0])
    assert learned.load(file) == GUESSES[0]


SCENARIOS: dict[str, tuple[Bound, str, dict[str, Any]]] = {
    "work": (Bound.WORK, "", {"kill_seconds": 0.02}),
    "bucket": (
        Bound.REQUESTS,
        "pace: {requests: {burst: 5, per_second: 4}}\n",
        {"kill_seconds": 0.002, "bucket": 5, "per_second": 4, "licence": "ru_std"},
    ),
    "operating": (
        Bound.OPERATING,
        "pace: {operating_limit: 8}\n",
        {"kill_seconds": 0.02, "operating_limit": 8.0, "operating_window": 10.0},
    ),
}


#: Only the portal's own work is measured differently by a busy machine; the limits are waits.
TIMED = [
    pytest.param(*scenario, id=name, marks=[pytest.mark.pace] if name == "work" else [])
    for name, scenario in SCENARIOS.items()
]


@pytest.mark.parametrize(("bound", "pace", "settings"), TIMED)
async def test_the_next_run_is_forecast_within_a_fifth(
    bench: Open, bound: Bound, pace: str, settings: dict[str, Any]
) -> None:
    """A first run of a few hundred teaches what the plan of the rest then tells."""
    everything = pace + EVERYTHING
    few = everything.replace("action: kill}", "action: kill, take: {count: 400}}")
    async with bench(instances=1700, seed=3, **settings) as here:
        assert not (await here.plan(few, include_locked=True)).document["forecast"]["measured"]
        assert (await here.apply()).exit_code == 0
        await asyncio.sleep(settings.get("operating_window", 2.0))
        planned = (await here.plan(everything, include_locked=True)).document
        told = planned["forecast"]
        assert told["measured"]
        assert told["waits_for"] == bound.value
        applied = (await here.apply()).document
        took = applied["seconds"]["wall"] - planned["seconds"]["wall"]
        assert told["seconds"][0] == pytest.approx(took, rel=0.2)
