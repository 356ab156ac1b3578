"""Fifteen rounds of torture, and that it does hurt. scripts/torture plays as many as wanted."""

from pathlib import Path

import pytest

from tests.torture import round_of


@pytest.mark.parametrize("number", range(15))
def test_nothing_is_lost_whatever_is_killed_filled_damaged_or_restarted(tmp_path: Path, number: int) -> None:
    told = round_of(number, tmp_path / "round")
    assert told.violations == []
    assert told.ended > 100
    assert told.commands > told.killed > 0
