"""How close an apply comes to the bound of the portal's limits, and what a plan needs; the scripts measure it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
BENCH, MEMORY = SCRIPTS / "bench.py", SCRIPTS / "memory.py"
SCENARIOS = {"burst", "rate", "operating", "ban", "slow", "latency", "shared", "faults"}
#: Machines are shared and noisy; noise makes a run slower, never faster.
TRIES = 3


@pytest.mark.pace
@pytest.mark.timeout(900)
def test_an_apply_keeps_to_twice_the_targets_of_the_benchmark() -> None:
    """Also: everything ended once, no ban, no request cut, no 503 that the scenario does not hand out itself.

    What missed is measured again.
    """
    missed, told = _missed(), ""
    for _ in range(TRIES - 1):
        if missed:
            told = "\n".join(missed)
            missed = _missed(*sorted({line.partition(":")[0] for line in missed}))
    assert not missed, told


def _missed(*scenarios: str) -> list[str]:
    """A line for each target that was missed; it begins with the scenario's name."""
    done = subprocess.run(
        [sys.executable, BENCH, "--quick", *scenarios], capture_output=True, text=True, check=False, cwd=SCRIPTS
    )
    lines = done.stderr.splitlines()
    return [line for line in lines if line.partition(":")[0] in SCENARIOS] if done.returncode else []


@pytest.mark.timeout(300)
def test_a_plan_over_100_000_instances_needs_few_requests_and_no_more_memory_than_over_20_000() -> None:
    done = subprocess.run([sys.executable, MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
