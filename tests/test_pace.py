"""How close an apply comes to the bound of the portal's limits, as scripts/bench measures it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
BENCH = SCRIPTS / "bench.py"
#: All but the last one mostly wait for the portal, and need not be alone on the machine.
GROUPS = (("rate", "shared"), ("operating",), ("ban", "slow"), ("burst", "latency", "faults"))
SCENARIOS = {name for group in GROUPS for name in group}
#: Machines are shared and noisy; noise makes a run slower, never faster.
TRIES = 3


@pytest.mark.pace
@pytest.mark.timeout(900)
def test_an_apply_keeps_to_twice_the_targets_of_the_benchmark() -> None:
    """Also: everything ended once, no ban, no request cut, no 503 that the scenario does not hand out itself.

    What missed is measured again.
    """
    *waiting, working = GROUPS
    with ThreadPoolExecutor() as side_by_side:
        missed = [line for lines in side_by_side.map(lambda group: _missed(*group), waiting) for line in lines]
    missed, told = missed + _missed(*working), ""
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
