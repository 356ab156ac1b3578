"""Real processes, ended for real: kill -9, Ctrl-C, a lock that is held, two at once."""

import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import EVERYTHING, RULES, Shop, shop, sums_hold

FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.004")


def status(here: Shop) -> dict[str, Any]:

    return dict(json.loads(here.call("status", "last", "-o", "json").stdout))


def plan(here: Shop, rules: str = RULES) -> None:
    done = here.call("plan", here.rules(rules))
    assert done.returncode == 0, done.stderr


def wait_for_kills(here: Shop, count: int, process: subprocess.Popen[str]) -> None:
    wait_until(lambda: here.ledger()["kills_effective"] >= count, process)


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not reached() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_random_moments_every_selected_instance_still_ends_exactly_once(tmp_path: Path, seed: int) -> None:
    """10 kills -9 under each of 3 seeds, of plan and of apply, and the record equals the portal's ledger."""
    chance = random.Random(seed)
    with shop(tmp_path, "--instances", "2500", "--seed", str(seed), "--list-seconds", "0.005", *FAST) as here:
        rules = here.rules(RULES)
        for _ in range(3):
            _kill_after(here.start("plan", rules, "--checkpoint", "run.sqlite"), chance.uniform(0.3, 1.3))
        done = here.call("plan", rules, "--checkpoint", "run.sqlite")
        assert done.returncode == 0 or "another plan" in done.stderr, done.stderr
        apply = ("apply", "run.sqlite", "--confirm", here.portal)
        for _ in range(7):
            _kill_after(here.start(*apply), chance.uniform(0.5, 1.4))
        finished = here.call(*apply)
        assert finished.returncode == 0, finished.stderr
        shown, ledger = status(here), here.ledger()
        totals = shown["totals"]
        assert sums_hold(shown)
        assert totals["killed"] + totals["terminated"] == totals["selected"] == ledger["kills_effective"] > 200
        assert totals["already_gone"] == totals["failed"] == totals["changed"] == 0
        assert all(len(endings) == 1 for endings in ledger["endings"].values())
        recorded = {row["id"] for row in json.loads(here.call("report", "run.sqlite", "--format", "json").stdout)}
        assert recorded == set(ledger["endings"])


def _kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    time.sleep(seconds)
    process.kill()
    process.communicate()


def test_the_first_ctrl_c_finishes_what_is_in_flight_and_tells_how_to_resume(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "2000", "--licence", "ru_selfhosted", "--kill-seconds", "0.02") as here:
        plan(here, EVERYTHING)
        process = here.start("apply", "last", "--confirm", here.portal)
        wait_for_kills(here, 100, process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        resume = re.search(r"b24-cleanup (apply \S+ --confirm \S+)", told)
        assert resume, told
        shown, ledger = status(here), here.ledger()
        assert shown["totals"]["killed"] == ledger["kills_effective"] > 0, "no entry is left in doubt"
        assert shown["state"] == "stopped"
        assert here.call(*resume[1].split()).returncode == 0
        assert here.ledger()["kills_effective"] == shown["totals"]["selected"]
        assert here.ledger()["kills_repeated"] == 0


def test_the_second_ctrl_c_stops_at_once_and_the_next_apply_settles(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "300", "--licence", "ru_selfhosted", "--kill-seconds", "0.1") as here:
        plan(here, EVERYTHING)
        process = here.start("apply", "last", "--confirm", here.portal)
        wait_for_kills(here, 30, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert time.monotonic() - asked < 2
        assert status(here)["totals"]["pending"] > 0
        finished = here.call("apply", "last", "--confirm", here.portal)
        assert finished.returncode == 0, finished.stderr
        totals = status(here)["totals"]
        assert totals["killed"] == totals["selected"] == here.ledger()["kills_effective"]
        assert here.ledger()["kills_repeated"] == 0


def test_ctrl_c_while_listing_keeps_the_bookmark(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "20000", "--list-seconds", "0.01", *FAST) as here:
        process = here.start("plan", here.rules(RULES), "--checkpoint", "run.sqlite")
        wait_until(lambda: here.ledger()["calls"].get("bizproc.workflow.instances", 0) > 60, process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Go on with: b24-cleanup plan" in told
        refused = here.call("apply", "run.sqlite", "--confirm", here.portal)
        assert refused.returncode == 2
        assert "--checkpoint" in refused.stderr


def test_two_runs_cannot_hold_one_portal(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "1000", "--licence", "ru_selfhosted", "--kill-seconds", "0.1") as here:
        plan(here, EVERYTHING)
        first = here.start("apply", "last", "--confirm", here.portal)
        wait_for_kills(here, 20, first)
        second = here.start("apply", "last", "--confirm", here.portal)
        also = here.start("run", "rules.yaml")
        _, told = second.communicate(timeout=60)
        also.communicate(timeout=60)
        assert first.poll() is None, "they did not wait"
        first.communicate(timeout=60)
        assert (first.returncode, second.returncode, also.returncode) == (0, 7, 7)
        assert "Another run holds" in told
        assert here.ledger()["kills_repeated"] == 0


def test_a_killed_process_holds_nothing_and_is_shown_as_stopped(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "1000", "--licence", "ru_selfhosted", "--kill-seconds", "0.08") as here:
        plan(here, EVERYTHING)
        process = here.start("apply", "last", "--confirm", here.portal)
        wait_for_kills(here, 20, process)
        assert status(here)["state"] == "applying"
        process.kill()
        process.communicate()
        assert status(here)["state"] == "stopped"
        assert here.call("apply", "last", "--confirm", here.portal).returncode == 0
