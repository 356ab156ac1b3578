"""How close an apply comes to the bound of the portal's limits, and what a plan needs; the scripts measure it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
PACE, MEMORY = SCRIPTS / "pace.py", SCRIPTS / "memory.py"
#: Machines are shared and noisy; noise makes a run slower, never faster.
TRIES = 3


@pytest.mark.pace
@pytest.mark.timeout(500)
@pytest.mark.parametrize("scenarios", [("burst",), ("bucket", "operating-third")], ids=" and ".join)
def test_an_apply_takes_at_most_a_quarter_longer_than_the_limits_allow(scenarios: tuple[str, ...]) -> None:
    """Also: everything ended once, no 503, at most one request met an OPERATION_TIME_LIMIT.

    The operating budget is scaled down for these tests; scripts/pace runs it whole. The two that mostly wait do so
    side by side, each on a portal of its own; what was too slow is measured again alone.
    """
    shown = {name: [told] for name, told in zip(scenarios, _measured(*scenarios), strict=True)}
    for name, told in shown.items():
        while told[-1] and len(told) < TRIES:
            told += _measured(name)
        assert not told[-1], "\n".join(told)


def _measured(*scenarios: str) -> list[str]:
    """What is told of each that missed its target; "" of each other."""
    started = [subprocess.Popen([sys.executable, PACE, name], stdout=subprocess.PIPE, text=True) for name in scenarios]
    rows = [process.communicate()[0] for process in started]
    return [row if process.returncode else "" for row, process in zip(rows, started, strict=True)]


@pytest.mark.timeout(300)
def test_a_plan_over_100_000_instances_needs_few_requests_and_no_more_memory_than_over_20_000() -> None:
    done = subprocess.run([sys.executable, MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
