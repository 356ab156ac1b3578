"""What the progress line says."""

import pytest

from cleanup.progress import Snapshot, describe, duration


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (Snapshot(0, 2000, 0, None, ""), "0 of 2,000"),
        (Snapshot(500, 2000, 0, 10.0, ""), "500 of 2,000 · 10.0/s · 2 min 30 s left"),
        (Snapshot(500, 2000, 3, 10.0, ""), "500 of 2,000 · 10.0/s · 2 min 30 s left · 3 failed"),
        (
            Snapshot(500, 2000, 0, 0.1, "waiting 40 s for the portal's operating budget"),
            "500 of 2,000 · 0.1/s · 4 h 10 min left · waiting 40 s for the portal's operating budget",
        ),
        (Snapshot(2000, 2000, 0, 10.0, ""), "2,000 of 2,000 · 10.0/s"),
    ],
)
def test_a_line_has_rate_time_left_failures_and_the_reason_of_a_wait(snapshot: Snapshot, line: str) -> None:
    assert describe(snapshot) == line


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (7260, "2 h 01 min")])
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
