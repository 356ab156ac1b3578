"""Two at once, on one run, one portal, one address, one webhook: exit 7, or sharing without a double report."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from cleanup.errors import Busy
from cleanup.model import State
from cleanup.sandbox import Sandbox
from tests.conftest import Open
from tests.harness import EVERYTHING, Shop, shop, sums_hold

SLOW = ("--instances", "400", "--licence", "ru_selfhosted", "--kill-seconds", "0.05")


def _wait_for_kills(here: Shop, count: int) -> None:
    until = time.monotonic() + 60
    while here.ledger()["kills_effective"] < count and time.monotonic() < until:
        time.sleep(0.02)


def test_a_second_process_on_the_same_run_is_told_to_wait_whatever_its_state_directory(tmp_path: Path) -> None:
    """The lock of the checkpoint holds where that of the portal does not: another user, another state directory."""
    with shop(tmp_path, *SLOW[:-1], "0.15") as here:
        made = here.call("plan", here.rules(EVERYTHING), "--include-locked", "--checkpoint", "run.sqlite")
        assert made.returncode == 0, made.stderr
        apply = ("apply", "run.sqlite", "--confirm", here.portal)
        first = here.start(*apply, "-o", "json")
        _wait_for_kills(here, 20)
        same, other = here.start(*apply), here.start(*apply, "--state-dir", str(tmp_path / "other"))
        same.communicate(timeout=60)
        _, why = other.communicate(timeout=60)
        told, _ = first.communicate(timeout=100)
        assert (first.returncode, same.returncode, other.returncode) == (0, 7, 7), why
        assert "Another process applies the checkpoint" in why
        totals = json.loads(told)["totals"]
        ledger = here.ledger()
        assert totals["killed"] == totals["selected"] == ledger["kills_effective"] == 400
        assert ledger["kills_repeated"] == 0


def test_two_runs_of_two_state_directories_share_a_portal_and_each_kill_is_reported_once(tmp_path: Path) -> None:
    """Nobody can know of the other; what one ended the other finds already gone."""
    with shop(tmp_path, *SLOW) as here:
        here.rules(EVERYTHING)
        others = ("--state-dir", str(tmp_path / "other"))
        for words in ((), others):
            assert here.call("plan", "rules.yaml", "--include-locked", *words).returncode == 0
        apply = ("apply", "last", "--confirm", here.portal, "-o", "json")
        both = [here.start(*apply, *words) for words in ((), others)]
        documents = [json.loads(process.communicate(timeout=100)[0]) for process in both]
        assert [process.returncode for process in both] == [0, 0]
        assert all(sums_hold(document) for document in documents)
        totals = [document["totals"] for document in documents]
        assert sum(one["killed"] for one in totals) == here.ledger()["kills_effective"] == 400
        assert sum(one["already_gone"] for one in totals) == 400
        assert all(len(endings) == 1 for endings in here.ledger()["endings"].values())


async def _raw_kills(sandbox: Sandbox, ids: Sequence[str]) -> set[str]:
    """Another tool with the same webhook: batches of ten kills. Which of them the portal said to have ended."""
    ended: set[str] = set()
    async with aiohttp.ClientSession() as session:
        for at in range(0, len(ids), 10):
            part = ids[at : at + 10]
            commands = {f"k{place}": f"bizproc.workflow.kill?ID={quote(one)}" for place, one in enumerate(part)}
            async with session.post(f"{sandbox.webhook}batch", json={"cmd": commands}) as answer:
                result = (await answer.json())["result"]["result"]
            ended |= {part[int(key[1:])] for key, value in dict(result or {}).items() if value is True}
            await asyncio.sleep(0.02)
    return ended


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_another_tool_ends_with_the_same_webhook_is_never_called_ours(bench: Open, seed: int) -> None:
    async with bench(instances=600, seed=seed, kill_seconds=0.005) as here:
        await here.plan(EVERYTHING, include_locked=True)
        ids = [row.id for row in here.sandbox.world.population]
        random.Random(seed).shuffle(ids)
        async with asyncio.TaskGroup() as group:
            ours = group.create_task(here.apply())
            theirs = group.create_task(_raw_kills(here.sandbox, ids[:200]))
        assert ours.result().exit_code == 0
        totals = ours.result().document["totals"]
        assert totals["killed"] + len(theirs.result()) == here.sandbox.ledger.kills_effective == 600
        assert totals["already_gone"] == len(theirs.result()) > 0
        with here.journal() as journal:
            killed = {entry.id for entry, _, _ in journal.entries() if entry.state is State.KILLED}
        assert not killed & theirs.result()
        assert sums_hold(ours.result().document)


async def test_another_tool_that_ends_the_same_ones_is_no_failure(bench: Open) -> None:
    """Under the strictest limit: kills of what they just ended are refused, and that stops nothing."""
    rules = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 1")
    async with bench(instances=500, seed=4, kill_seconds=0.005) as here:
        await here.plan(rules, include_locked=True)
        ids = [row.id for row in here.sandbox.world.population]
        async with asyncio.TaskGroup() as group:
            ours = group.create_task(here.apply())
            theirs = group.create_task(_raw_kills(here.sandbox, ids))
        assert ours.result().exit_code == 0
        assert ours.result().document["totals"]["killed"] + len(theirs.result()) == 500


def test_another_tool_behind_the_same_address_slows_us_down_and_no_more(tmp_path: Path) -> None:
    """It takes half of the bucket's outflow: 503s may come, and each instance still ends once."""
    options = ("--instances", "500", "--licence", "ru_pro100", "--bucket", "12", "--per-second", "20")
    with shop(tmp_path, *options, "--neighbour", "10", "--kill-seconds", "0.002") as here:
        rules = EVERYTHING.replace(
            "rules:", "pace: {requests: {burst: 12, per_second: 20}, batch_seconds: 0.05}\nrules:"
        )
        assert here.call("plan", here.rules(rules), "--include-locked").returncode == 0
        applied = here.call("apply", "last", "--confirm", here.portal, "-o", "json")
        assert applied.returncode == 0, applied.stderr
        document, ledger = json.loads(applied.stdout), here.ledger()
        assert document["totals"]["killed"] == ledger["kills_effective"] == 500
        assert document["totals"]["already_gone"] == ledger["kills_repeated"] == 0


async def test_two_applies_in_one_process_cannot_hold_one_run(bench: Open) -> None:
    async with bench(instances=400, seed=3, kill_seconds=0.02) as here:
        await here.plan(EVERYTHING, include_locked=True)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(here.apply())
            await asyncio.sleep(0.3)
            with pytest.raises(Busy):
                await here.apply()
        assert first.result().exit_code == 0
        assert len(here.ended()) == 400
