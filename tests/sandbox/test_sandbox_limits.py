"""The request bucket and the load limiter: PORTAL.md 4.1, 4.2 and 14, items 8 and 9."""

import asyncio
import json
from typing import Any

import pytest
from sandbox_client import Caller, Opener, kills

from cleanup.sandbox import Settings
from cleanup.sandbox.bucket import Bucket

KILL = "bizproc.workflow.kill"
LIMITED = ("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")


async def test_a_full_bucket_answers_503_in_json(portal: Opener) -> None:
    caller = await portal(bucket=3, per_second=0.001)
    answers = [await caller.raw("profile") for _ in range(5)]
    assert [status for status, _ in answers] == [200, 200, 200, 503, 503]
    assert json.loads(answers[-1][1]) == {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
    assert caller.sandbox.ledger.outcomes["query_limit"] == 2


def test_a_bucket_leaks_and_refused_requests_add_nothing() -> None:
    bucket = Bucket(50, 2.0)
    assert sum(bucket.admit(100.0) for _ in range(80)) == 50
    assert not bucket.admit(100.4)
    assert bucket.admit(100.5)
    assert sum(bucket.admit(110.5) for _ in range(80)) == 20


@pytest.mark.parametrize(
    ("licence", "size", "outflow"),
    [("ru_pro100", 50, 2.0), ("ru_ent250", 250, 5.0), ("ru_selfhosted", 0, 2.0)],
)
def test_the_licence_decides_the_bucket_unless_it_is_set(licence: str, size: int, outflow: float) -> None:
    settings = Settings(licence=licence)
    assert (settings.bucket_size, settings.bucket_outflow) == (size, outflow)
    assert Settings(licence=licence, bucket=7, per_second=1.0).bucket_size == 7


async def test_the_control_endpoints_are_outside_of_the_bucket(portal: Opener) -> None:
    caller = await portal(bucket=1, per_second=0.001)
    for _ in range(3):
        async with caller.session.get(f"{caller.sandbox.url}sandbox/ledger") as response:
            assert response.status == 200


async def operating(caller: Caller, count: int) -> Any:
    """The operating values after a batch of so many kills."""
    answer = await caller.batch(kills(caller.first(count)))
    return [time["operating"] for time in dict(answer["result_time"]).values()]


async def test_short_calls_show_nothing_at_first_but_are_billed_together(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.03)
    assert await operating(caller, 5) == [0] * 5
    assert await operating(caller, 1) == [0.15]


async def test_a_request_that_took_a_tenth_of_a_second_or_less_is_free(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.02)
    assert [await operating(caller, 4), await operating(caller, 1)] == [[0] * 4, [0]]


async def test_a_long_call_shows_at_once(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12)
    assert await operating(caller, 2) == [0.12, 0.24]


async def test_a_single_call_over_the_limit_is_refused_with_429(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, operating_limit=0.1)
    first, second = caller.first(2)
    await caller.kill(first)
    status, answer = await caller.kill(second)
    assert (status, (answer["error"], answer["error_description"])) == (429, LIMITED)
    assert (second in caller.sandbox.world, caller.sandbox.ledger.outcomes["operation_limit"]) == (True, 1)


async def test_sub_calls_and_single_calls_have_counters_of_their_own(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, operating_limit=0.1)
    first, second = caller.first(2)
    await caller.kill(first)
    assert await operating(caller, 1) == [0.12]
    assert second not in caller.sandbox.world


async def test_in_a_batch_only_the_method_over_its_limit_is_refused(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, operating_limit=0.2)
    commands = kills(caller.first(3)) | {"list": "bizproc.workflow.instances"}
    answer = await caller.batch(commands)
    assert list(answer["result"]) == ["k0", "k1", "list"]
    error = answer["result_error"]["k2"]
    assert (error["error"], error["error_description"]) == LIMITED
    assert caller.sandbox.ledger.operation_limit_subcalls == 1


async def test_the_window_gives_back_what_left_it(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, operating_limit=0.1, operating_window=0.3)
    first, second, third = caller.first(3)
    await caller.kill(first)
    assert (await caller.kill(second))[0] == 429
    await asyncio.sleep(0.35)
    assert (await caller.kill(third))[0] == 200


async def test_the_reset_is_the_first_call_plus_the_window(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, operating_window=1000.0)
    for instance in caller.first(2):
        _, answer = await caller.kill(instance)
    assert answer["time"]["operating_reset_at"] == pytest.approx(1_772_355_600 + 1000, abs=2)


async def test_a_batch_can_be_billed_at_half_weight_with_its_sub_calls_free(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.15, billing="batch_half")
    first = await caller.answer("batch", {"cmd": kills(caller.first(2))})
    second = await caller.answer("batch", {"cmd": kills(caller.first(2))})
    assert [answer["time"]["operating"] for answer in (first, second)] == [0.15, 0.3]
    assert {time["operating"] for time in first["result"]["result_time"].values()} == {0}


async def test_going_over_with_batches_bans_the_whole_batch_and_forgets_the_sum(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.3, billing="batch_half", operating_limit=0.1, ban_seconds=0.2)
    await caller.batch(kills(caller.first(1)))
    answers = [await caller.raw("batch", {"cmd": {"a": "profile"}}) for _ in range(2)]
    assert [status for status, _ in answers] == [429, 429]
    assert json.loads(answers[0][1])["error"] == "OPERATION_TIME_LIMIT"
    assert (caller.sandbox.ledger.bans, (await caller.raw("profile"))[0]) == (1, 200)
    await asyncio.sleep(0.25)
    assert (await caller.answer("batch", {"cmd": {"a": "profile"}}))["time"]["operating"] == 0


async def test_both_ways_of_billing_can_go_together(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.3, billing="both")
    answer = await caller.answer("batch", {"cmd": kills(caller.first(1))})
    assert (answer["time"]["operating"], answer["result"]["result_time"]["k0"]["operating"]) == (0.15, 0.3)


async def test_nothing_is_limited_where_the_limiter_is_absent(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, billing="absent", operating_limit=0.01)
    assert [(await caller.kill(instance))[0] for instance in caller.first(2)] == [200, 200]


async def test_a_null_gauge_limits_all_the_same(portal: Opener) -> None:
    caller = await portal(kill_seconds=0.12, billing="null", operating_limit=0.01)
    assert [(await caller.kill(instance))[0] for instance in caller.first(2)] == [200, 429]
