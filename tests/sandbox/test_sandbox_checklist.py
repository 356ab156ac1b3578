"""PORTAL.md 14 as a table: one test for each numbered row of what a simulator must reproduce.

Each states the row's belief over a real socket; the finer points have modules of their own.
"""

import asyncio
import json
from typing import Any

import pytest
from sandbox_client import Caller, Opener, kills, row

from cleanup.sandbox import Fault, Generation, Settings

INSTANCES = "bizproc.workflow.instances"
TEMPLATES = "bizproc.workflow.template.list"
KILL, TERMINATE = "bizproc.workflow.kill", "bizproc.workflow.terminate"
EVERY = pytest.mark.parametrize("generation", [*Generation])
NOT_FOUND = {"ru": "Бизнес-процесс не найден", "en": "The business process is not found."}


@EVERY
@pytest.mark.parametrize(
    ("commands", "result", "errors"),
    [
        ({}, [], []),
        (["user.admin", "user.admin"], [True, True], []),
        (["user.admin", "nothing.here", "user.admin"], {"0": True, "2": True}, {"1"}),
        (["nothing.here", "user.admin"], {"1": True}, [0]),
        ({"a": "user.admin"}, {"a": True}, []),
    ],
    ids=["empty", "whole", "failed in the middle", "failed at the start", "named"],
)
async def test_1_each_map_of_a_batch_is_a_list_or_an_object_by_its_own_keys(
    portal: Opener, generation: str, commands: object, result: object, errors: Any
) -> None:
    """Empty maps are `[]`, and keys that count from 0 make a list, in each of the five maps by itself."""
    maps = await (await portal(generation=generation)).batch(commands)
    assert list(maps) == ["result", "result_error", "result_total", "result_next", "result_time"]
    assert (maps["result"], maps["result_total"], maps["result_next"]) == (result, [], [])
    assert type(maps["result_time"]) is type(result)
    assert type(maps["result_error"]) is (dict if isinstance(errors, set) else list)
    assert len(maps["result_error"]) == len(errors)


@EVERY
async def test_2_a_partly_failed_batch_is_http_200_and_only_successes_have_a_time(
    portal: Opener, generation: str
) -> None:
    """The status says nothing about the sub-calls, and result_time has no entry for a failed one."""
    caller = await portal(generation=generation)
    instance = caller.first(1)[0]
    status, body = await caller.raw("batch", {"cmd": kills([instance, instance])})
    maps = json.loads(body)["result"]
    assert status == 200
    assert [list(maps[name]) for name in ("result", "result_time", "result_error")] == [["k0"], ["k0"], ["k1"]]
    assert maps["result_error"]["k1"] == {"error": "", "error_description": NOT_FOUND["ru"]}


@EVERY
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_3_a_second_kill_finds_nothing_and_says_so_without_a_code(
    portal: Opener, generation: str, language: str
) -> None:
    """The error's code is empty and its text is in the portal's language, so that neither tells what it was."""
    caller = await portal(generation=generation, language=language)
    instance = caller.first(1)[0]
    assert (await caller.kill(instance))[0] == 200
    assert await caller.kill(instance) == (400, {"error": "", "error_description": NOT_FOUND[language]})


@pytest.mark.parametrize(
    ("generation", "dropped"),
    [
        ("G1", ["=ID", "!=ID", "id", "@ID", "%ID", "><ID", "STATUS"]),
        ("G2", ["=ID", "!=ID", "id", "@ID", "%ID", "><ID", "STATUS"]),
        ("G3", ["@ID", "!@ID", "%ID", "~ID", "><ID", "?ID", "LOGIC", "0", "STATUS", "DOCUMENT_TYPE"]),
    ],
)
async def test_4_filter_keys_that_a_generation_does_not_know_are_dropped_silently(
    portal: Opener, generation: str, dropped: list[str]
) -> None:
    """The list becomes wider, without an error, and a known key beside them still holds."""
    caller = await portal(generation=generation, instances=4)
    first = caller.first(1)[0]
    for key in dropped:
        assert len(await caller.ids({"FILTER": {key: "none"}})) == 4, key
        assert await caller.ids({"FILTER": {key: "none", "ID": first}}) == [first], key


@EVERY
@pytest.mark.parametrize("method", [INSTANCES, TEMPLATES])
async def test_5_a_negative_start_gives_total_0_and_an_empty_page_next_minus_1_or_in_g1_an_sql_error(
    portal: Opener, generation: str, method: str
) -> None:
    """With start=-1 neither total nor next means anything; the oldest portals cannot take it at all."""
    caller = await portal(generation=generation)
    status, body = await caller.raw(method, {"start": -1})
    _, empty = await caller.raw(method, {"start": -1, "FILTER": {"<ID": "0"}})
    full, nothing = json.loads(body), json.loads(empty)
    if generation == Generation.G1:
        assert (status, full) == (500, {"error": "ERROR_CORE", "error_description": "SQL query error!"})
        return
    assert (status, len(full["result"]), full["total"], "next" in full) == (200, 50, 0, False)
    assert (nothing["result"], nothing["total"], nothing["next"]) == ([], 0, -1)


@EVERY
@pytest.mark.parametrize(
    ("field", "pattern", "found"),
    [
        ("DOCUMENT_ID", "LEAD_1", [1, 2]),
        ("DOCUMENT_ID", "lead%", [1, 2]),
        ("ENTITY", "Bitrix\\Crm\\Quote", []),
        ("!ENTITY", "Bitrix\\Crm\\Quote", [1, 2, 3]),
        ("ENTITY", "Bitrix\\\\Crm\\\\Quote", [3]),
    ],
)
async def test_6_the_bare_key_compares_texts_by_like(
    portal: Opener, generation: str, field: str, pattern: str, found: list[int]
) -> None:
    """Without regard to case, `_` and `%` are wildcards, and a backslash takes itself away unless it is doubled."""
    caller = await portal(generation=generation, instances=0)
    for number, (entity, document) in enumerate(
        (("CCrmDocumentLead", "LEAD_1"), ("CCrmDocumentLead", "LEADX1"), ("Bitrix\\Crm\\Quote", "QUOTE_1")), start=1
    ):
        caller.sandbox.world.put(row(number, entity=entity, document_id=document))
    assert await caller.ids({"FILTER": {field: pattern}}) == [row(number).id for number in found]


@EVERY
async def test_7_the_default_order_is_unstable_and_paging_by_start_skips_rows_of_a_shrinking_list(
    portal: Opener, generation: str
) -> None:
    """Rows saved in the same second change places between calls; what is ended moves the rest to the front."""
    caller = await portal(generation=generation, instances=0)
    for number in range(120):
        caller.sandbox.world.put(row(number))
    orders = {tuple(item["ID"] for item in await caller.result(INSTANCES)) for _ in range(6)}
    assert len(orders) > 1
    for instance in await caller.ids({"start": 0}):
        await caller.kill(instance)
    assert len(await caller.ids({"start": 50})) == 20, "fifty of the seventy are never seen"


async def test_8_short_calls_are_billed_unseen_and_the_limit_refuses_in_three_ways(portal: Opener) -> None:
    """A call up to 0.1 s shows nothing but costs; over the limit a single call and a sub-call are refused by
    themselves, and where batches are counted the whole batch, for 300 s."""
    unseen = await portal(kill_seconds=0.03, operating_limit=0.1)
    shown = [await _operating(unseen, 4), await _operating(unseen, 1)]
    assert shown == [[0] * 4, ["OPERATION_TIME_LIMIT"]]
    single = await portal(kill_seconds=0.12, operating_limit=0.1)
    assert [(await single.kill(instance))[0] for instance in single.first(2)] == [200, 429]
    whole = await portal(kill_seconds=0.3, operating_limit=0.1, billing="both")
    await whole.batch(kills(whole.first(1)))
    assert [(await whole.raw("batch", {"cmd": {"a": "profile"}}))[0] for _ in range(2)] == [429, 429]
    assert (whole.sandbox.ledger.bans, Settings().ban_seconds) == (1, 300)


async def _operating(caller: Caller, count: int) -> list[Any]:
    """What each kill of a batch shows, or the code of its error."""
    maps = await caller.batch(kills(caller.first(count)))
    times = [time["operating"] for time in dict(maps["result_time"]).values()]
    return times + [error["error"] for error in dict(maps["result_error"]).values()]


async def test_9_the_front_end_answers_for_the_portal(portal: Opener) -> None:
    """A full bucket is a 503 in JSON; 502, 504 and 500 come as pages or empty; work done before the cut stays done."""
    full = await portal(bucket=1, per_second=0.001)
    _, (status, body) = [await full.raw("profile") for _ in range(2)]
    assert (status, json.loads(body)["error"]) == (503, "QUERY_LIMIT_EXCEEDED")
    caller = await portal()
    for fault, wanted in ((Fault.BAD_GATEWAY, 502), (Fault.TIMEOUT_AFTER, 504), (Fault.EMPTY_500, 500)):
        caller.sandbox.faults.next_requests[fault] = 1
        status, body = await caller.raw("profile")
        assert (status, b"<html>" in body) == (wanted, wanted != 500)
    slow = await portal(kill_seconds=0.04, cut_seconds=0.1)
    status, body = await slow.raw("batch", {"cmd": kills(slow.first(6))})
    assert (status, b"<html>" in body, slow.sandbox.ledger.kills_effective) == (504, True, 2)
    await asyncio.sleep(0.1)
    assert (slow.sandbox.ledger.kills_effective, Settings().cut_seconds) == (2, 60)


@EVERY
async def test_10_a_poison_row_always_fails_and_a_crash_row_takes_the_whole_batch_with_it(
    portal: Opener, generation: str
) -> None:
    """Poison stays and is refused at every run; a crash is a 500 for all, though what came before was done."""
    caller = await portal(generation=generation, instances=6)
    ids = caller.first(6)
    caller.sandbox.faults.poison, caller.sandbox.faults.crash = {ids[0]}, {ids[3]}
    answers = [await caller.kill(ids[0]) for _ in range(2)]
    assert [(status, answer["error"], bool(answer["error_description"])) for status, answer in answers] == [
        (400, "", True)
    ] * 2
    status, _ = await caller.raw("batch", {"cmd": kills(ids[1:])})
    assert (status, caller.first(6), caller.sandbox.ledger.poisoned) == (500, [ids[0], *ids[3:]], 2)


@pytest.mark.parametrize(("generation", "zombies"), [("G1", 1), ("G2", 1), ("G3", 0)])
async def test_11_killed_ones_come_back_new_ones_appear_and_parents_resume(
    portal: Opener, generation: str, zombies: int
) -> None:
    """Before G3 one that was executing is inserted again; the list grows meanwhile; a parent ends with its child."""
    caller = await portal(generation=generation, instances=2, parent_ends=1.0)
    parent, child = caller.first(2)
    caller.sandbox.faults.parents = {child: parent}
    caller.sandbox.world.put(row(1, owned_until=4_000_000_000))
    await caller.batch(kills([row(1).id, child]))
    assert caller.first(3) == [], "parent and child have ended in the same request"
    caller.sandbox.faults.life = {"appears": 1}
    assert len(await caller.ids({})) == zombies + 1
    ledger = caller.sandbox.ledger
    assert [*ledger.zombies] == [row(1).id] * zombies
    assert ([*ledger.ended_by_child], len(ledger.appeared)) == ([parent], 1)


@pytest.mark.parametrize(("generation", "kind"), [("G1", float), ("G2", int), ("G3", int)])
async def test_12_date_filters_move_by_the_owners_zone_and_time_blocks_differ(
    portal: Opener, generation: str, kind: type
) -> None:
    """An owner three hours ahead moves the boundary by three hours; a box shows no operating; start may be whole."""
    caller = await portal(generation=generation, instances=0, utc_offset=3.0, user_offset=6.0, billing="absent")
    caller.sandbox.world.put(row(1, modified=1_726_223_101))
    shown = [{"<MODIFIED": f"2024-09-13T{hour}:25:02+03:00"} for hour in ("13", "15", "16")]
    assert [len(await caller.ids({"FILTER": conditions})) for conditions in shown] == [0, 0, 1]
    time = (await caller.answer("profile"))["time"]
    assert list(time) == ["start", "finish", "duration", "processing", "date_start", "date_finish"]
    assert type(time["start"]) is kind
    cloud = await portal(generation=generation)
    assert {"operating", "operating_reset_at"} <= set((await cloud.answer("profile"))["time"])


async def test_13_a_renamed_portal_redirects_and_an_expired_token_is_renewed_once(portal: Opener) -> None:
    """302 to the new name, where the same request is answered; each refresh token is good for one renewal."""
    caller = await portal(later=({"requests": 1, "change": {"redirect": "localhost", "token": False}},))
    assert (await caller.raw("profile"))[0] == 200
    url = f"{caller.sandbox.webhook}profile"
    async with caller.session.post(url, allow_redirects=False) as response:
        location = response.headers["Location"]
        assert (response.status, location) == (302, url.replace("127.0.0.1", "localhost"))
    async with caller.session.post(location) as response:
        assert response.status == 200
    assert await _with_token(caller, "access0") == (401, "expired_token")
    assert [await _renew(caller, "refresh0") for _ in range(2)] == [200, 400]
    assert await _with_token(caller, "access1") == (200, None)


async def _with_token(caller: Caller, token: str) -> tuple[int, str | None]:
    url = f"{caller.sandbox.url}rest/profile".replace("127.0.0.1", "localhost")
    async with caller.session.post(url, headers={"Authorization": f"Bearer {token}"}) as response:
        return response.status, (await response.json()).get("error")


async def _renew(caller: Caller, refresh: str) -> int:
    asked = {"client_id": "local.sandbox", "client_secret": "sandbox0application0key"}
    asked |= {"grant_type": "refresh_token", "refresh_token": refresh}
    async with caller.session.get(f"{caller.sandbox.url}oauth/token/", params=asked) as response:
        return response.status


async def test_14_robots_and_deleted_templates_have_instances_but_are_not_listed(portal: Opener) -> None:
    """A template that is in no list is normal: it may exist, as a robot's, or be deleted."""
    caller = await portal(instances=2000)
    listed: set[str] = set()
    while page := await caller.result(TEMPLATES, {"start": len(listed)}):
        listed |= {item["ID"] for item in page}
    used = {str(item.template_id) for item in caller.sandbox.world.population}
    existing = {str(item.id) for item in caller.sandbox.world.templates}
    assert used & existing - listed, "robots'"
    assert used - existing - {"0"}, "deleted ones"


@pytest.mark.parametrize("generation", ["G2", "G3"])
@pytest.mark.parametrize("trouble", [None, Fault.MISSING_KEYS, Fault.SKIPPED_COMMANDS], ids=str)
async def test_15_a_key_may_be_missing_from_all_maps(portal: Opener, generation: str, trouble: Fault | None) -> None:
    """A command that is no text leaves no trace, and others may be lost, done or not: missing means unknown."""
    caller = await portal(generation=generation)
    instances = caller.first(4)
    caller.sandbox.faults.next_kills = {trouble: 1} if trouble else {}
    maps = await caller.batch({**kills(instances), "odd": ["profile"]})
    answered = {*dict(maps["result"]), *dict(maps["result_error"])}
    assert "odd" not in answered
    assert len(answered) == 4 if trouble is None else len(answered) < 4
    if trouble is Fault.MISSING_KEYS:
        assert caller.sandbox.ledger.kills_effective == 4
    if trouble is Fault.SKIPPED_COMMANDS:
        assert caller.sandbox.ledger.kills_effective == len(answered)
