"""What progress says, in one line and in a view, and how long it takes the rest to be."""

from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from cleanup.limits import BatchSize, Concurrency, Gauge, OperatingBudget, RequestRate, UnitCost
from cleanup.model import Action
from cleanup.portal.pacing import Pacer, RequestBucket
from cleanup.progress import Level, Listed, Operating, Snapshot, describe, describe_listing, line
from cleanup.progress.line import flow
from cleanup.progress.live import listing_view, view
from cleanup.progress.meter import Rate, fullest, left
from cleanup.words import duration

BUSY = Snapshot(
    done=12_345,
    total=50_000,
    failed=3,
    rate=31.25,
    left=7260,
    waiting="waiting 40 s: operating budget",
    bucket=Level(34, 49),
    operating=Operating(method="kill", level=Level(401.5, 480), resets_in=75),
    batch=50,
    in_flight=4,
    window=6,
    slowdown=1.124,
)
BUSY_LINE = (
    "12,345 of 50,000 · 31.2/s · 2 h 01 min left · 3 failed · 4 of 6 in flight · 50 a batch · kills 1.1× unloaded · "
    "bucket 34 of 49 used · operating kill 401.5 of 480.0 s · reset in 1 min 15 s · waiting 40 s: operating budget"
)
LISTED = Listed(listed=12_500, population=41_210, selected=310, rate=2500, requests=5)


@pytest.mark.parametrize(
    ("snapshot", "told"),
    [
        (Snapshot(done=0, total=2000), "0 of 2,000"),
        (Snapshot(done=500, total=2000, rate=10.0, left=150), "500 of 2,000 · 10.0/s · 2 min 30 s left"),
        (Snapshot(done=500, total=2000, rate=10.0, failed=3), "500 of 2,000 · 10.0/s · 3 failed"),
        (Snapshot(done=2000, total=2000, rate=10.0, left=0), "2,000 of 2,000 · 10.0/s"),
        (
            BUSY,
            BUSY_LINE,
        ),
    ],
)
def test_a_line_has_rate_time_left_failures_limits_and_the_reason_of_a_wait(snapshot: Snapshot, told: str) -> None:
    assert describe(snapshot) == told


def test_a_listing_is_told_of_the_population() -> None:
    assert describe_listing(LISTED) == "12,500 of 41,210 · 310 selected · 2,500/s · 5 requests"
    assert describe_listing(Listed(listed=7, population=None, selected=0)) == "7 listed · 0 selected · 0 requests"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (7260, "2 h 01 min")])
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 160, 250])
@pytest.mark.parametrize("drawn", [lambda width: view(BUSY, width), lambda width: listing_view(LISTED, width)])
def test_no_line_of_the_view_is_wider_than_the_terminal(drawn: Any, width: int) -> None:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as shown:
        console.print(drawn(width))
    lines = shown.get().splitlines()
    assert all(cell_len(line) <= width for line in lines), lines
    assert len(lines) <= 10
    assert not any("…" in line for line in lines if width >= 40), lines


def test_the_bar_keeps_its_width_while_the_numbers_grow() -> None:
    console = Console(file=StringIO(), width=40, force_terminal=True, color_system=None)
    bars = set()
    for done in (0, 2_500, 25_000):
        with console.capture() as shown:
            console.print(view(Snapshot(done=done, total=25_000), 40))
        bars.add(sum(shown.get().count(sign) for sign in (line.FULL, line.REST)))
    assert len(bars) == 1


def test_a_wide_terminal_has_gauges() -> None:
    assert "bucket ━━━━━━━─── 34 of 49 used" in line.limits(BUSY, gauges=True)
    assert "operating kill ━━━━━━━━── 401.5 of 480.0 s" in line.limits(BUSY, gauges=True)


def test_parts_flow_into_as_few_lines_as_fit() -> None:
    assert flow(["aaaa", "bbbb", "cccc"], 11) == ["aaaa · bbbb", "cccc"]
    assert flow(["aaaa", "bbbb"], 3) == ["aaaa", "bbbb"], "a part is never cut in two"


def test_a_rate_is_over_the_last_minute() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert rate.of(0) is None
    for now[0], done in ((10.0, 100), (100.0, 100), (160.0, 700)):
        told = rate.of(done)
    assert told == pytest.approx(10.0)


def test_the_fullest_counter_is_shown() -> None:
    kill, batch = Gauge(480, 0.9, reading=100, reset_at=50.0), Gauge(480, 0.9, reading=200)
    shown = fullest({"bizproc.workflow.kill": kill, "batch": batch, "x": Gauge(480, 0.9)}, now=20.0)
    assert shown is not None
    assert (shown.method, shown.level, shown.resets_in) == ("batch", Level(200, 480), None)
    assert fullest({"bizproc.workflow.kill": kill}, now=20.0) == Operating(
        method="kill", level=Level(100, 480), resets_in=30.0
    )
    assert fullest({}, now=20.0) is None


def pacer(*, per_second: float = 2.0, seconds_each: float | None = 0.1) -> Pacer:
    size = BatchSize(target=10, largest=50)
    if seconds_each is not None:
        size.answered(1, seconds_each)
    bucket = RequestBucket(RequestRate(50, per_second), None)
    concurrency = Concurrency(largest=4)
    while concurrency.now < 4:
        concurrency.answered(10, 1.0, window=concurrency.now, busy=concurrency.now)
    return Pacer(bucket=bucket, budget=OperatingBudget(limit=480, share=0.9), size=size, concurrency=concurrency)


def test_nothing_is_told_of_the_time_left_before_an_end_was_measured() -> None:
    assert left({Action.KILL: 1000}, pacer(seconds_each=None), now=0.0) is None


def test_the_time_left_has_the_buckets_waits_and_the_operating_windows_in_it() -> None:
    """2,000 kills of 0.5 s: 250 s of work by 4 at once, but the portal gives 432 s of operating time in 600 s."""
    here = pacer(seconds_each=0.5)
    free = left({Action.KILL: 2000}, here, now=0.0)
    assert free == pytest.approx(250.0)
    cost = UnitCost(bound=0.5, units=1e9)
    gauge = Gauge(480, 0.9, reading=432.0, reset_at=100.0, cost=cost, longest_reset=600.0)
    here.budget.gauges["bizproc.workflow.kill"] = gauge
    held = left({Action.KILL: 2000}, here, now=0.0)
    assert held == pytest.approx(100 + 2 * 600 + (1000 - 2 * 432) / 4, rel=0.01)
