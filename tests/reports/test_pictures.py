"""The arithmetic of the pictures: nothing is lost in bins, and all lies within the frame."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.config import parse_rules
from cleanup.journal import Batch, Wait
from cleanup.reports.html import ages, scales, timeline
from cleanup.reports.html.ages import CutOff
from tests.reports.journals import NOW, RULES

T0 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
counts = st.dictionaries(st.integers(0, 100_000), st.integers(1, 9), min_size=1, max_size=60)


@given(counts, st.lists(st.floats(0, 200_000), max_size=4))
def test_every_age_is_in_one_bar_and_every_bar_within_the_frame(hours: dict[int, int], limits: list[float]) -> None:
    found = ages.histogram(Counter(hours), [CutOff(limit, True, ("old",)) for limit in limits])
    assert found
    assert sum(bar.count for bar in found.bars) == sum(hours.values())
    assert len(found.bars) <= 50
    assert all(0 <= bar.height <= 100 and bar.x + bar.width <= 100.001 for bar in found.bars)
    assert all(cut.x is None or 0 <= cut.x <= 100 for cut in found.cut_offs)
    assert all(0 <= x < 100 for _, x in found.ticks)


def test_no_age_is_no_picture() -> None:
    assert ages.histogram(Counter(), []) is None


def test_a_few_very_old_ones_share_the_last_bar() -> None:
    found = ages.histogram(Counter(dict.fromkeys(range(100), 10) | {90_000: 1}), [])
    assert found
    assert found.bars[-1].end is None
    assert found.bars[-1].begin < 200


def test_cut_offs_are_those_of_started_and_not_turns_them() -> None:
    found = ages.cut_offs(parse_rules(RULES, "rules.yaml").book, NOW)
    assert [(cut.hours / 24, cut.older, cut.rules) for cut in found] == [
        (7, False, ("recent",)),
        (20, False, ("keep-new",)),
        (90, True, ("old",)),
    ]


def batch(request: int, at: float, seconds: float = 2.0, ended: int = 50) -> Batch:
    began = T0 + timedelta(seconds=at)
    answered = began + timedelta(seconds=seconds)
    return Batch(request=request, began=began, answered=answered, entries=50, ended=ended, size=50, seconds=seconds)


@given(st.lists(st.floats(0, 50_000), min_size=1, max_size=40))
def test_every_ended_one_is_in_a_bar_of_one_stretch(moments: list[float]) -> None:
    ended = Counter({T0.timestamp() + moment: 3 for moment in moments})
    found = timeline.timelines(ended, [], [])
    assert sum(line.count for line in found) == ended.total()
    for line in found:
        shown = sum(mark.value for mark in line.rate.marks) * max(1.0, line.step / 60)
        assert shown == pytest.approx(line.count)
        assert all(mark.height <= 100.2 and mark.x + mark.width <= 100.001 for mark in line.rate.marks)


def test_a_run_that_went_on_the_next_night_has_two_pictures() -> None:
    first, second = timeline.timelines(Counter(), [batch(1, 0), batch(2, 10), batch(3, 86_400)], [])
    assert (first.ended - first.began, second.ended - second.began) == (12, 2)


def test_seconds_per_workflow_leave_out_what_ended_nothing() -> None:
    (line,) = timeline.timelines(Counter(), [batch(1, 0), batch(2, 20, seconds=60, ended=0)], [])
    assert line.each
    assert [mark.value for mark in line.each.marks] == [pytest.approx(0.04)]


def test_waits_are_told_by_reason_and_cut_at_the_frame() -> None:
    waits = [
        Wait("rate", T0 - timedelta(seconds=5), T0 + timedelta(seconds=5)),
        Wait("operating", T0 + timedelta(seconds=20), T0 + timedelta(seconds=30)),
        Wait("rate", T0 + timedelta(hours=9), T0 + timedelta(hours=10)),
    ]
    (line,) = timeline.timelines(Counter(), [batch(1, 0), batch(2, 98)], waits)
    assert line.waited == {"rate": 5.0, "operating": 10.0}
    assert [(shade.reason, shade.x >= 0) for shade in line.shades] == [("rate", True), ("operating", True)]


@given(st.floats(1e-6, 1e9))
def test_the_top_of_an_axis_is_round_and_near(value: float) -> None:
    assert value * 0.998 <= scales.top(value) <= 2.01 * value
