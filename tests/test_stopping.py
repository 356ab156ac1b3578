"""A stop reaches every wait: signals, the time window, and portals that refuse for ever."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import anyio
import pytest

from cleanup.errors import SafetyStop, StoppedEarly
from cleanup.model import State
from cleanup.stop import Stop, obeying
from tests.conftest import Open
from tests.harness import EVERYTHING, Shop, shop

TOO_MANY = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests", "status": 503}


def switch(here: Shop, **changes: Any) -> None:
    body = json.dumps(changes).encode()
    with urlopen(Request(f"http://{here.portal}/sandbox/faults", data=body), timeout=20):
        pass


def wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not reached() and time.monotonic() < until:
        time.sleep(0.02)
    assert reached()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("plan", "rules.yaml"), ("run", "rules.yaml"), ("apply", "last", "--dry-run")])
def test_a_signal_ends_a_verb_whose_first_question_is_refused_for_ever(
    tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    with shop(tmp_path, "--instances", "50", "--kill-seconds", "0.001") as here:
        assert here.call("plan", here.rules(EVERYTHING), "--include-locked").returncode == 0
        before = here.ledger()["requests"]["total"]
        switch(here, refusal=TOO_MANY)
        process = here.start(*words)
        wait_until(lambda: here.ledger()["requests"]["total"] > before)
        time.sleep(0.1)
        process.send_signal(number)
        _, told = process.communicate(timeout=10)
        assert process.returncode == 128 + number, told
        assert "Traceback" not in told


def test_a_window_ends_an_apply_that_cannot_settle_and_nothing_is_lost(tmp_path: Path) -> None:
    """What is in doubt stays SENT, and the next apply asks about it."""
    with shop(tmp_path, "--instances", "300", "--licence", "ru_selfhosted", "--kill-seconds", "0.05") as here:
        assert here.call("plan", here.rules(EVERYTHING), "--include-locked").returncode == 0
        process = here.start("apply", "last", "--confirm", here.portal)
        wait_until(lambda: here.ledger()["kills_effective"] > 20)
        process.kill()
        process.communicate()
        switch(here, refusal=TOO_MANY)
        began = time.monotonic()
        stopped = here.call("apply", "last", "--confirm", here.portal, "--max-duration", "2s")
        assert time.monotonic() - began < 10
        assert stopped.returncode == 6, stopped.stderr
        assert "Resume with" in stopped.stderr
        switch(here, refusal=None)
        done = here.call("apply", "last", "--confirm", here.portal, "-o", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["totals"]["killed"] == here.ledger()["kills_effective"] == 300


async def test_a_window_also_holds_for_the_listing_of_a_run(bench: Open) -> None:
    async with bench(instances=10_000, seed=3, list_seconds=0.03) as here:
        began = time.monotonic()
        stopped = await here.run(seconds=4.0)
        assert time.monotonic() - began < 8
        assert stopped.exit_code == 6
        assert "Go on with: b24-cleanup plan" in stopped.message


async def test_a_portal_that_refuses_for_ever_is_asked_ever_more_slowly_also_without_a_bucket(bench: Open) -> None:
    """PORTAL.md 4.1: a self-hosted portal has no limit of its own, but a proxy before it may."""
    async with bench(instances=100, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.rates = {"query_limit": 1.0}
        before = here.sandbox.ledger.requests
        assert (await here.apply(seconds=4.0)).exit_code == 6
        assert here.sandbox.ledger.requests - before <= 8
        here.sandbox.faults.rates = {}
        assert (await here.apply()).document["totals"]["killed"] == 100


async def test_a_method_that_is_blocked_is_not_asked_again_and_again(bench: Open) -> None:
    async with bench(instances=30, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.next_requests = {"operation_limit_calls": 1000}
        before = here.sandbox.ledger.requests
        stopped = await here.apply(seconds=2.0)
        assert stopped.exit_code == 6
        assert here.sandbox.ledger.requests - before <= 6


async def test_a_busy_front_end_never_ends_a_run(bench: Open) -> None:
    """503 as a web page: asked about, waited for, gone on with."""
    async with bench(instances=300, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.rates = {"unavailable": 1.0}

        async def calm_down() -> None:
            await anyio.sleep(3.0)
            here.sandbox.faults.rates = {}

        async with anyio.create_task_group() as group:
            group.start_soon(calm_down)
            applied = await here.apply()
        assert applied.exit_code == 0
        assert applied.document["totals"]["killed"] == here.sandbox.ledger.kills_effective == 300
        assert here.sandbox.ledger.kills_repeated == 0


async def test_a_guard_that_stopped_a_run_ends_the_night(bench: Open) -> None:
    """Exit 4 means that nothing more is ended: the same rules are not planned and applied once more."""
    rules = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 10")
    async with bench(instances=800, seed=6, kill_seconds=0.003) as here:
        await here.plan(rules, include_locked=True)
        here.sandbox.faults.poison = {row.id for row in here.sandbox.world.population[::2]}
        assert (await here.apply()).exit_code == 4
        runs = len(here.setting.state.runs())
        again = await here.run(rules, include_locked=True)
        assert again.exit_code == 4
        assert len(here.setting.state.runs()) == runs


async def test_a_run_that_was_stopped_for_its_failures_resumes_once_the_portal_is_mended(bench: Open) -> None:
    """What failed in an earlier apply says nothing about this one."""
    rules = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 10")
    async with bench(instances=1500, seed=6, kill_seconds=0.003) as here:
        await here.plan(rules, include_locked=True)
        here.sandbox.faults.poison = {row.id for row in here.sandbox.world.population[:40]}
        assert (await here.apply()).exit_code == 4
        here.sandbox.faults.poison = set()
        resumed = await here.apply()
        assert resumed.exit_code in {0, 3}
        assert resumed.document["totals"]["pending"] == 0


async def test_the_failure_of_a_run_that_was_finished_first_is_not_forgotten(bench: Open) -> None:
    async with bench(instances=900, seed=6, kill_seconds=0.01) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.poison = {here.sandbox.world.population[700].id}
        assert (await here.apply(seconds=0.5)).exit_code == 6
        ended = await here.run(EVERYTHING, include_locked=True)
        assert (ended.exit_code, ended.document["exit"]) == (3, 3)


async def test_what_others_end_at_the_same_time_is_no_failure(bench: Open) -> None:
    """A kill of what somebody else just ended is refused; that must not stop the run."""
    rules = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 1")
    async with bench(instances=600, seed=6) as here:
        here.sandbox.faults.vanishing = {row.id for row in here.sandbox.world.population[::5]}
        await here.plan(rules, include_locked=True)
        applied = await here.apply()
        assert applied.exit_code == 0
        assert applied.document["totals"]["already_gone"] == 120


async def test_an_error_in_the_middle_arrives_as_itself() -> None:
    with pytest.raises(StoppedEarly, match="gone"):
        async with obeying(Stop(), seconds=None, tell=print):
            raise StoppedEarly("gone")


async def test_work_with_a_grace_goes_on_for_that_long_after_the_stop() -> None:
    stop = Stop()
    stop.ask()
    with stop.interrupts() as at_once:
        await anyio.sleep(1)
    assert at_once.cancelled_caught
    began = time.monotonic()
    with stop.interrupts(grace=0.2) as later:
        await anyio.sleep(5)
    assert later.cancelled_caught
    assert 0.15 < time.monotonic() - began < 2


async def test_the_record_has_no_sent_entry_after_a_window_in_good_weather(bench: Open) -> None:
    async with bench(instances=600, seed=9, kill_seconds=0.02) as here:
        await here.plan(EVERYTHING, include_locked=True)
        assert (await here.apply(seconds=0.6)).exit_code == 6
        with here.journal() as journal:
            assert State.SENT not in journal.state_counts()


async def test_the_first_reason_counts() -> None:
    """A signal behind a safety stop takes nothing of it: the night is told that a guard spoke."""
    stop = Stop()
    stop.ask(SafetyStop("too many failed"))
    stop.ask(number=15)
    assert stop.reason() == (4, "too many failed")
    other = Stop()
    other.ask(number=15)
    other.ask(SafetyStop("too late"))
    assert other.reason()[0] == 143
