"""What the arithmetic of the portal's limits promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.limits import (
    ENTERPRISE_RATE,
    ORDINARY_RATE,
    SMALL_BATCH,
    UNKNOWN_RESET,
    BatchSize,
    OperatingBudget,
    Reading,
    RequestPace,
    RequestRate,
    rate_of,
)

KILL = "bizproc.workflow.kill"


@pytest.mark.parametrize(
    ("licence", "rate"),
    [
        pytest.param("ru_std", ORDINARY_RATE, id="ordinary plan"),
        pytest.param("ru_ent250", ENTERPRISE_RATE, id="enterprise plan"),
        pytest.param("ru_selfhosted", None, id="a box has no bucket"),
        pytest.param("project", ORDINARY_RATE, id="unknown plans print as project"),
        pytest.param(None, ORDINARY_RATE, id="not told"),
    ],
)
def test_the_licence_names_the_bucket(licence: str | None, rate: RequestRate | None) -> None:
    assert rate_of(licence) == rate


def test_a_503_halves_the_rate_and_calm_brings_it_back() -> None:
    pace = RequestPace(ORDINARY_RATE)
    pace.refused(0.0)
    assert pace.per_second == 1
    for _ in range(200):
        pace.accepted()
    assert pace.per_second == 2


def test_a_second_503_soon_after_does_not_halve_once_more() -> None:
    """The bucket is still full then. Halved twice, it takes two minutes to come back to what others leave."""
    pace = RequestPace(ORDINARY_RATE)
    pace.refused(0.0)
    pace.sent(3)
    pace.refused(3.0)
    assert 0.8 < pace.per_second < 1


@given(st.lists(st.booleans(), max_size=300))
def test_the_rate_never_exceeds_the_portals_and_never_stops(history: list[bool]) -> None:
    pace = RequestPace(ORDINARY_RATE)
    for now, refused in enumerate(history):
        if refused:
            pace.refused(now)
        else:
            pace.sent()
            pace.accepted()
        assert 0 < pace.per_second <= 2


@pytest.mark.parametrize("others", [0.3, 1.0, 1.5])
def test_what_others_leave_of_the_bucket_is_used_and_they_are_hardly_disturbed(others: float) -> None:
    """A bucket of 50 and 2 a second that others fill, too; we go as fast as the pace says, for ten minutes."""
    pace, now, level, sent, refused = RequestPace(ORDINARY_RATE), 0.0, 50.0, 0, 0
    while now < 600:
        step = 1 / pace.per_second
        now += step
        pace.sent()
        level = min(50.0, max(0.0, level - 2 * step) + others * step)
        if level + 1 > 50:
            pace.refused(now)
            refused += 1
        else:
            pace.accepted()
            level, sent = level + 1, sent + 1
    assert sent / 600 >= 0.85 * (2 - others)
    assert refused <= 0.12 * sent


def budget() -> OperatingBudget:
    return OperatingBudget(limit=480, share=0.9)


def send(of: OperatingBudget, kills: int, reading: Reading, *, at: float, seconds: float) -> None:
    charge = of.charge({KILL: kills}, at)
    of.answered(charge, {KILL: reading}, at + seconds)


def test_without_a_counter_there_is_no_budget() -> None:
    free = budget()
    for moment in range(100):
        charge = free.charge({KILL: 50}, moment)
        free.answered(charge, {}, moment + 60)
    assert free.fit({KILL: 50}, 100) == 1.0


def test_a_counter_that_stays_at_zero_never_makes_us_wait() -> None:
    free = budget()
    for moment in range(0, 6000, 60):
        send(free, 50, Reading(0.0, reset_in=600), at=moment, seconds=59)
        assert free.fit({KILL: 50}, moment + 59.5) > 0


def test_a_counter_that_stays_at_zero_does_not_hold_back_what_is_in_flight() -> None:
    """`batch` is not billed in most portals; a method beside it may be."""
    free = budget()
    send(free, 10, Reading(0.0, reset_in=600), at=0, seconds=10)
    send(free, 10, Reading(0.0, reset_in=600), at=20, seconds=10)
    for _ in range(16):
        assert free.fit({KILL: 50}, 40) == 1.0
        free.charge({KILL: 50}, 40)


def test_a_method_that_has_room_is_not_waited_for() -> None:
    two = budget()
    charge = two.charge({KILL: 10, "batch": 0.5}, 0)
    readings = {KILL: Reading(431, growth=4, grown_over=10, reset_in=20), "batch": Reading(0.0, reset_in=600)}
    two.answered(charge, readings, 10)
    assert two.wait({KILL: 50, "batch": 0.5}, 10, least=0.02) == pytest.approx(20)


def test_hidden_cost_is_predicted_from_the_growth_between_requests() -> None:
    """50 kills of 0.05 s show no growth in their own answer, but the next answer shows 2.5 s more."""
    hidden = budget()
    for number in range(4):
        send(hidden, 50, Reading(2.5 * number, reset_in=600 - 10 * number), at=number * 10, seconds=2.6)
    gauge = hidden.gauges[KILL]
    assert gauge.cost.sample == pytest.approx(0.05)
    assert gauge.reading is not None
    assert 10.0 <= gauge.reading + gauge.pending(KILL) < 10.5


def test_near_the_limit_it_waits_for_the_reset_and_then_sends_one_small_batch() -> None:
    full = budget()
    send(full, 50, Reading(200, reset_in=600), at=0, seconds=10)
    send(full, 10, Reading(431, growth=4, grown_over=10, reset_in=100), at=20, seconds=10)
    assert full.fit({KILL: 50}, 31) * 50 < 1
    assert full.wait({KILL: 50}, 31) == pytest.approx(99)
    assert full.fit({KILL: 50}, 131) * 50 == 5
    full.charge({KILL: SMALL_BATCH}, 131)
    assert full.fit({KILL: 50}, 132) == 0, "only one goes until the counter was read again"


def test_a_block_without_a_known_reset_waits_five_minutes() -> None:
    blocked = budget()
    blocked.refused([KILL], 1000)
    assert blocked.fit({KILL: 1}, 1000) == 0
    assert blocked.wait({KILL: 1}, 1000) == UNKNOWN_RESET


def test_a_block_teaches_the_limit() -> None:
    box = budget()
    send(box, 50, Reading(421, growth=10, grown_over=50, reset_in=60), at=0, seconds=10)
    box.refused([KILL], 20)
    assert 240 <= box.gauges[KILL].limit < 480


def test_what_was_certainly_not_executed_costs_nothing() -> None:
    calm = budget()
    send(calm, 50, Reading(100, growth=50, grown_over=50, reset_in=600), at=0, seconds=10)
    before = calm.gauges[KILL].room(KILL)
    calm.cancelled(calm.charge({KILL: 50}, 20))
    assert calm.gauges[KILL].room(KILL) == before


def test_the_first_batch_is_small_and_the_measured_cost_decides_the_next() -> None:
    size = BatchSize(target=10, largest=50)
    assert size.now == 10
    size.answered(10, 0.05)
    assert size.now == 50


@given(seconds_each=st.floats(0.001, 30))
def test_a_batch_takes_about_its_target(seconds_each: float) -> None:
    size = BatchSize(target=10, largest=50)
    for _ in range(30):
        size.answered(size.now, size.now * seconds_each)
    assert size.now * seconds_each <= max(10.0, seconds_each) * 1.001
    assert size.now == 50 or (size.now + 1) * seconds_each > 10


def test_breaking_halves_down_to_single_calls() -> None:
    size = BatchSize(target=10, largest=50)
    size.answered(10, 0.1)
    seen = []
    for _ in range(7):
        seen.append(size.now)
        size.broke(size.now)
    assert seen == [50, 25, 12, 6, 3, 1, 1]
