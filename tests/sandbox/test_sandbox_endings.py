"""Kill and terminate, their cost, their workers and the ledger: PORTAL.md 7 and 14, items 3, 9 and 10."""

import asyncio
import json
import time

import aiohttp
import pytest
from sandbox_client import Opener, kills, row

from cleanup.sandbox import Sandbox, Settings


@pytest.mark.parametrize("method", ["bizproc.workflow.kill", "bizproc.workflow.terminate"])
async def test_an_ended_instance_is_gone_at_once_and_in_the_ledger(portal: Opener, method: str) -> None:
    caller = await portal()
    instance = caller.first(1)[0]
    assert await caller.result(method, {"ID": instance, "STATUS": "stopped"}) is True
    assert await caller.ids({"FILTER": {"ID": instance}}) == []
    assert [ending.method for ending in caller.sandbox.ledger.endings[instance]] == [method]


@pytest.mark.parametrize("value", ["", "0", 0, None, [], False], ids=repr)
async def test_an_empty_id_is_refused(portal: Opener, value: object) -> None:
    caller = await portal()
    answer = await caller.answer("bizproc.workflow.kill", {"ID": value})
    assert answer == {"error": "ERROR_WRONG_WORKFLOW_ID", "error_description": "Empty workflow instance ID"}


@pytest.mark.parametrize("value", [5, True, ["x"], 1.5], ids=repr)
async def test_an_id_must_be_a_text(portal: Opener, value: object) -> None:
    caller = await portal()
    answer = await caller.answer("bizproc.workflow.terminate", {"ID": value})
    assert answer["error_description"] == "Invalid workflow instance ID (string expected)"


async def test_a_lock_does_not_stop_a_kill(portal: Opener) -> None:
    caller = await portal(instances=0)
    caller.sandbox.world.put(row(1, owned_until=4_000_000_000))
    assert (await caller.kill(row(1).id))[0] == 200


@pytest.mark.parametrize(("choice", "count"), [(7, 7), (0.05, 10), (0, 0)])
async def test_bad_rows_are_chosen_by_number_or_share(portal: Opener, choice: float, count: int) -> None:
    caller = await portal(instances=200, poison=choice, crash=choice)
    faults = caller.sandbox.faults
    assert (len(faults.poison), len(faults.crash), faults.poison & faults.crash) == (count, count, set())


async def test_kills_of_a_batch_take_their_time_without_drift(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.005)
    began = time.monotonic()
    await caller.batch(kills(caller.first(50)))
    assert 0.25 <= time.monotonic() - began < 0.29 + 0.1


async def test_the_cost_can_come_from_a_function_of_the_id(portal: Opener) -> None:
    asked: list[str] = []

    def cost(instance: str) -> float:
        asked.append(instance)
        return 0.0

    caller = await portal(kill_cost=cost)
    await caller.kill(caller.first(1)[0])
    assert asked == list(caller.sandbox.ledger.endings)


async def test_lognormal_costs_keep_their_mean(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.001, kill_sigma=0.5, billing="batch_half")
    began = time.monotonic()
    await caller.batch(kills(caller.first(50)))
    assert 0.03 < time.monotonic() - began < 0.2


async def test_requests_beyond_the_workers_queue_up(portal: Opener) -> None:
    caller = await portal(workers=2, kill_seconds=0.03)
    began = time.monotonic()
    await asyncio.gather(*map(caller.kill, caller.first(6)))
    assert time.monotonic() - began >= 0.09
    assert (caller.sandbox.ledger.max_concurrent, caller.sandbox.ledger.max_in_flight) == (2, 6)


async def test_the_work_goes_on_when_the_client_goes_away(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.02)
    url = f"{caller.sandbox.webhook}batch"
    with pytest.raises(TimeoutError):
        await caller.session.post(url, json={"cmd": kills(caller.first(5))}, timeout=aiohttp.ClientTimeout(total=0.03))
    await asyncio.sleep(0.15)
    assert caller.sandbox.ledger.kills_effective == 5


async def test_leaving_the_sandbox_does_not_wait_for_work_in_progress(portal: Opener) -> None:
    caller = await portal(instances=0)
    settings = Settings(instances=2, kill_seconds=30.0)
    began = time.monotonic()
    async with Sandbox(settings) as sandbox:
        url = f"{sandbox.webhook}bizproc.workflow.kill?ID={sandbox.world.alive[0].id}"
        with pytest.raises(TimeoutError):
            await caller.session.post(url, timeout=aiohttp.ClientTimeout(total=0.05))
    assert time.monotonic() - began < 2
    assert len(sandbox.world) == 2


async def test_latency_is_added_to_every_request(portal: Opener) -> None:
    caller = await portal(latency=0.05)
    began = time.monotonic()
    await caller.result("profile")
    assert time.monotonic() - began >= 0.05


async def test_two_kills_at_once_end_an_instance_only_once(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.02)
    instance = caller.first(1)[0]
    answers = await asyncio.gather(caller.kill(instance), caller.kill(instance))
    assert sorted(status for status, _ in answers) == [200, 400]
    assert (caller.sandbox.ledger.kills_effective, caller.sandbox.ledger.kills_repeated) == (1, 1)


async def test_the_ledger_is_readable_over_http(portal: Opener) -> None:
    caller = await portal()
    instance = caller.first(1)[0]
    for wanted in (instance, instance, "5f0000000000a1.00000000"):
        await caller.kill(wanted)
    async with caller.session.get(f"{caller.sandbox.url}sandbox/ledger") as response:
        ledger = await response.json()
    (ending,) = ledger["endings"][instance]
    assert (ending["method"], ending["at"]) == ("bizproc.workflow.kill", pytest.approx(1_772_355_600, abs=5))
    counts = [ledger[name] for name in ("kills_effective", "kills_repeated", "not_found", "max_concurrent")]
    assert counts == [1, 1, 1, 1]
    assert ledger["requests"] == {"total": 3, "answered": 1, "error": 2}


async def test_population_and_survivors_are_readable_over_http(portal: Opener) -> None:
    caller = await portal()
    gone = caller.first(1)[0]
    await caller.kill(gone)
    shown = []
    for name in ("population", "instances"):
        async with caller.session.get(f"{caller.sandbox.url}sandbox/{name}") as response:
            shown.append(json.loads(await response.read()))
    before, after = shown
    assert (len(before), len(after), len(before[0])) == (120, 119, 9)
    assert [item for item in before if item["ID"] != gone] == after
