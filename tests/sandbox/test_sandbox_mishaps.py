"""Faults in the middle of a request, and refusals out of the blue: PORTAL.md 4, and 14, items 8, 9, 13 and 15."""

import json
import time
from random import Random
from typing import Any

import pytest
from sandbox_client import Caller, Opener, kills

from cleanup.sandbox import Fault, Refusal
from cleanup.sandbox.bucket import Bucket

INSTANCES = "bizproc.workflow.instances"


async def send(caller: Caller, trouble: Fault | Refusal, count: int) -> tuple[int, bytes]:
    caller.sandbox.faults.next_kills[trouble] = 1
    return await caller.raw("batch", {"cmd": kills(caller.first(count))})


@pytest.mark.parametrize(("fault", "status"), [(Fault.CUT, 504), (Fault.EMPTY_500, 500)])
async def test_a_request_ends_after_a_part_of_its_work(portal: Opener, fault: Fault, status: int) -> None:
    caller = await portal(fault_seed=2)
    ids = caller.first(50)
    got, body = await send(caller, fault, 50)
    assert (got, body == b"") == (status, fault is Fault.EMPTY_500)
    done = list(caller.sandbox.ledger.endings)
    assert 0 < len(done) < 50
    assert done == ids[: len(done)]
    assert caller.sandbox.ledger.outcomes[fault] == 1


async def test_the_gateway_may_fail_after_the_work(portal: Opener) -> None:
    caller = await portal()
    assert (await send(caller, Fault.BAD_GATEWAY_AFTER, 3))[0] == 502
    assert caller.sandbox.ledger.kills_effective == 3


@pytest.mark.parametrize(("fault", "ended"), [(Fault.MISSING_KEYS, 8), (Fault.SKIPPED_COMMANDS, 6)])
async def test_commands_may_be_in_none_of_the_maps(portal: Opener, fault: Fault, ended: int) -> None:
    """Executed all the same, or not: the answer does not tell."""
    caller = await portal()
    status, body = await send(caller, fault, 8)
    maps = json.loads(body)["result"]
    assert (status, len(maps["result"]), len(maps["result_time"]), maps["result_error"]) == (200, 6, 6, [])
    assert caller.sandbox.ledger.kills_effective == ended


async def test_a_slow_body_comes_in_drops_and_whole(portal: Opener) -> None:
    caller = await portal(slow_seconds=0.2)
    began = time.monotonic()
    status, body = await send(caller, Fault.SLOW_BODY, 8)
    assert time.monotonic() - began >= 0.2
    assert (status, len(json.loads(body)["result"]["result"])) == (200, 8)


@pytest.mark.parametrize(
    ("refusal", "status", "error"),
    [
        (Refusal.QUERY_LIMIT, 503, "QUERY_LIMIT_EXCEEDED"),
        (Refusal.OPERATION_LIMIT, 429, "OPERATION_TIME_LIMIT"),
        (Refusal.OVERLOAD, 503, "OVERLOAD_LIMIT"),
    ],
)
async def test_the_portal_may_refuse_out_of_the_blue(portal: Opener, refusal: Refusal, status: int, error: str) -> None:
    caller = await portal()
    got, body = await send(caller, refusal, 3)
    assert (got, json.loads(body)["error"]) == (status, error)
    assert (caller.sandbox.ledger.kills_effective, caller.sandbox.ledger.outcomes[refusal]) == (0, 1)


async def test_the_load_limiter_may_refuse_from_one_sub_call_on(portal: Opener) -> None:
    caller = await portal(fault_seed=2)
    status, body = await send(caller, Refusal.OPERATION_LIMIT_CALLS, 50)
    maps = json.loads(body)["result"]
    assert status == 200
    assert {error["error"] for error in maps["result_error"].values()} == {"OPERATION_TIME_LIMIT"}
    assert 0 < len(maps["result"]) == caller.sandbox.ledger.kills_effective < 50
    assert list(maps["result"]) == [f"k{place}" for place in range(len(maps["result"]))]
    assert caller.sandbox.ledger.operation_limit_subcalls == 50 - len(maps["result"])


async def test_a_single_call_is_then_refused_as_a_whole(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.next_requests[Refusal.OPERATION_LIMIT_CALLS] = 1
    assert [(await caller.raw("profile"))[0] for _ in range(2)] == [429, 200]


async def test_every_trouble_has_a_rate(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.rates = dict.fromkeys((*Fault, *Refusal), 0.0) | {Refusal.QUERY_LIMIT: 1.0}
    assert [(await caller.raw("profile"))[0] for _ in range(2)] == [503, 503]


@pytest.mark.parametrize(
    ("error", "text", "status"),
    [
        ("ACCESS_DENIED", "REST is available only by subscription.", 401),
        ("authorization_error", "Unable to authorize user", 401),
        ("PORTAL_DELETED", "", 403),
    ],
)
async def test_any_other_error_can_be_the_answer_to_all(portal: Opener, error: str, text: str, status: int) -> None:
    caller = await portal()
    refusal: dict[str, Any] = {"error": error, "error_description": text, "status": status}
    async with caller.session.post(f"{caller.sandbox.url}sandbox/faults", json={"refusal": refusal}) as response:
        assert (await response.json())["refusal"] == refusal
    got, body = await caller.raw("profile")
    assert (got, json.loads(body)) == (status, {"error": error, "error_description": text})


async def test_a_portal_renamed_to_another_name_of_this_host_answers_there(portal: Opener) -> None:
    """A POST that is followed the browser's way arrives as a GET without its body."""
    caller = await portal()
    caller.sandbox.faults.redirect = "localhost"
    url = f"{caller.sandbox.webhook}bizproc.workflow.kill"
    async with caller.session.post(url, json={"ID": caller.first(1)[0]}, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, url.replace("127.0.0.1", "localhost"))
    async with caller.session.post(url, json={"ID": caller.first(1)[0]}) as response:
        assert (await response.json())["error_description"] == "Empty workflow instance ID"
    target = url.replace("127.0.0.1", "localhost")
    async with caller.session.post(target, json={"ID": caller.first(1)[0]}) as response:
        assert (await response.json())["result"] is True


def test_another_client_takes_its_part_of_the_bucket() -> None:
    random = Random(1)
    moments = sorted(random.uniform(100, 200) for _ in range(400))
    counts = []
    for others in (0.0, 2.0, 20.0):
        bucket = Bucket(10, 2.0)
        counts.append(sum(bucket.admit(moment, others=others) for moment in moments))
    alone, shared, crowded = counts
    assert alone > shared > crowded > 0


async def test_a_greedy_neighbour_fills_the_bucket(portal: Opener) -> None:
    caller = await portal(bucket=5, per_second=0.001, neighbour=1000.0)
    await caller.raw("profile")
    assert (await caller.raw("profile"))[0] == 503


async def test_mishaps_are_the_same_for_the_same_seed(portal: Opener) -> None:
    done = []
    for _ in range(2):
        caller = await portal(faults={"cut": 0.5, "missing_keys": 0.5}, fault_seed=5)
        for _ in range(6):
            await caller.raw("batch", {"cmd": kills(caller.first(10))})
        done.append((list(caller.sandbox.ledger.endings), dict(caller.sandbox.ledger.outcomes)))
    assert done[0] == done[1]
