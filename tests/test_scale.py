"""What a plan costs as a portal grows, by the quick form of scripts/scale."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent


def test_a_plan_of_five_times_the_instances_takes_no_more_memory_and_few_requests() -> None:
    """20,000 and 100,000: memory at most 1.2 x, a request for 2,500 instances and 20 beside, CPU as the instances."""
    command = [sys.executable, "scripts/scale.py", "--quick"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
