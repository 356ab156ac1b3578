"""A purge by an application's tokens: they expire in the middle, processes die, two share one file."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.harness import EVERYTHING
from tests.oauth import TOKENS, OAuthShop, oauth_shop

#: Leave is given every 50 ms, so that there is a while between the store of new tokens and their first use.
SLOWLY = "pace: {requests: {burst: 2, per_second: 20}}\n" + EVERYTHING


def ended_once(here: OAuthShop) -> int:
    """How many instances were ended; an instance ended twice fails the test."""
    endings = here.ledger()["endings"]
    assert all(len(each) == 1 for each in endings.values())
    return len(endings)


def renewed_once_for_each_expiry(here: OAuthShop) -> int:
    tokens = here.tokens()
    assert tokens["refused"] == {}
    assert tokens["renewals"] == len(tokens["expired"])
    assert here.stored()["refresh_token"] == f"refresh{tokens['renewals']}"
    return int(tokens["renewals"])


def kill_between_store_and_use(here: OAuthShop) -> bool:
    """Starts an apply and kills it as soon as new tokens are stored; whether they were not used yet."""
    before = here.file.read_bytes()
    running = here.start("apply", "last", "--confirm", here.portal)
    try:
        for _ in range(10_000):
            if here.file.read_bytes() != before:
                break
            time.sleep(0.001)
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    number = here.stored()["access_token"].removeprefix("access")
    return here.file.read_bytes() != before and here.tokens()["used"].get(number, 0) == 0


def test_a_purge_with_20_expiries_and_a_kill_9_between_store_and_use_ends_complete(tmp_path: Path) -> None:
    with oauth_shop(tmp_path, "--instances", "800", "--token-requests", "1") as here:
        assert here.call("plan", here.rules(SLOWLY), "--include-locked").returncode == 0
        killed = [kill_between_store_and_use(here)]
        while not any(killed) and len(killed) < 6:
            killed.append(kill_between_store_and_use(here))
        assert any(killed), "none of them died in between"
        done = here.call("apply", "last", "--confirm", here.portal, "-o", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["totals"]["failed"] == 0
        assert json.loads(done.stdout)["totals"]["killed"] == 800
        assert ended_once(here) == 800
        assert renewed_once_for_each_expiry(here) >= 20
        assert here.call("verify", "last").returncode == 0
        assert not TOKENS.search(done.stdout + done.stderr)
    assert not (tmp_path / "b24.json.new").exists()


def test_many_workers_renew_once_and_nothing_counts_as_failed(tmp_path: Path) -> None:
    """At full speed all 16 are refused together, again and again."""
    with oauth_shop(tmp_path, "--instances", "3000", "--token-requests", "3", "--latency", "0.01") as here:
        done = here.call(
            "run", here.rules(EVERYTHING), "--include-locked", "-o", "json", "--log-file", "night.log", "-v"
        )
        assert done.returncode == 0, done.stderr
        assert ended_once(here) == 3000
        assert renewed_once_for_each_expiry(here) >= 20
    assert json.loads(done.stdout)["totals"]["killed"] == 3000
    assert (tmp_path / "night.log").read_text(encoding="utf-8").count("oauth.renewed") >= 20


def test_two_processes_share_one_credentials_file(tmp_path: Path) -> None:
    """Each reads the portal while the other's renewals take its tokens away."""
    with oauth_shop(tmp_path, "--instances", "300", "--token-requests", "3", "--latency", "0.2") as here:
        rules = here.rules(EVERYTHING)
        running = [here.start("plan", rules, "--checkpoint", f"{number}.sqlite", "-v") for number in range(2)]
        told = [process.communicate(timeout=60) for process in running]
        assert [process.returncode for process in running] == [0, 0], told
        assert renewed_once_for_each_expiry(here) >= 3
        assert any("oauth.adopted" in stderr for _, stderr in told)
        assert not TOKENS.search(str(told))


def test_a_signal_does_not_cut_off_a_renewal(tmp_path: Path) -> None:
    """Twice: the second one cancels all that waits, but not this. The answer comes late, and is stored."""
    with oauth_shop(tmp_path, "--instances", "100") as here:
        here.call("plan", here.rules(EVERYTHING))
        here.change(token=False, next_tokens={"slow_body": 1})
        running = here.start("apply", "last", "--confirm", here.portal)
        wait_until(lambda: here.tokens()["renewals"] == 1)
        running.send_signal(signal.SIGINT)
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
        assert here.stored()["refresh_token"] == "refresh1", stderr  # noqa: S105 - of the sandbox
        assert here.call("apply", "last", "--confirm", here.portal).returncode == 0
        assert renewed_once_for_each_expiry(here) == 1


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")
