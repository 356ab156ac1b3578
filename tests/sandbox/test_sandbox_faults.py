"""Refusals, faults and switches: PORTAL.md 4, 11 and 14, items 9 and 13."""

import json
from typing import Any

import aiohttp
import pytest
from sandbox_client import Caller, Opener, kills

from cleanup.sandbox import Fault, Sandbox, Settings

INSTANCES = "bizproc.workflow.instances"


async def refusal(caller: Caller, method: str) -> tuple[int, str, str]:
    status, body = await caller.raw(method)
    error = json.loads(body)
    return status, error["error"], error["error_description"]


async def test_a_disabled_webhook_is_refused(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.webhook = False
    assert await refusal(caller, "profile") == (401, "INVALID_CREDENTIALS", "Invalid request credentials")


async def test_a_wrong_secret_is_refused(portal: Opener) -> None:
    caller = await portal()
    async with caller.session.post(f"{caller.sandbox.url}rest/1/wrong/profile") as response:
        assert (response.status, (await response.json())["error"]) == (401, "INVALID_CREDENTIALS")


async def test_a_wrong_path_is_a_login_page_with_status_200(portal: Opener) -> None:
    caller = await portal()
    async with caller.session.post(f"{caller.sandbox.url}rest/1/profile/now/and/here") as response:
        assert (response.status, response.content_type) == (200, "text/html")


@pytest.mark.parametrize("method", [INSTANCES, "bizproc.workflow.kill", "bizproc.workflow.template.list"])
async def test_business_processes_are_for_administrators(portal: Opener, method: str) -> None:
    caller = await portal(administrator=False)
    assert await refusal(caller, method) == (403, "ACCESS_DENIED", "Access denied!")
    assert (await caller.result("profile"))["ADMIN"] is False


async def test_a_missing_scope_is_refused(portal: Opener) -> None:
    caller = await portal(scopes=("user",))
    status, error, text = await refusal(caller, INSTANCES)
    assert (status, error, "webhook" in text) == (401, "insufficient_scope", True)
    probe = await caller.result("method.get", {"name": INSTANCES})
    assert probe == {"isExisting": True, "isAvailable": False}


async def test_a_plan_without_business_processes_does_not_know_their_methods(portal: Opener) -> None:
    caller = await portal(bizproc=False)
    assert await refusal(caller, INSTANCES) == (404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    assert (await caller.result("method.get", {"name": INSTANCES}))["isExisting"] is False


@pytest.mark.parametrize("status", [401, 503])
async def test_an_overloaded_portal_is_blocked(portal: Opener, status: int) -> None:
    caller = await portal()
    caller.sandbox.faults.overload = True
    caller.sandbox.faults.overload_status = status
    assert await refusal(caller, "profile") == (status, "OVERLOAD_LIMIT", "REST API is blocked due to overload.")


async def test_a_renamed_portal_redirects_to_its_new_host(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.redirect = "http://127.0.0.1:9/"
    async with caller.session.post(f"{caller.sandbox.webhook}profile?a=1", allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "http://127.0.0.1:9/rest/1/sandbox0demo0key/profile?a=1"


@pytest.mark.parametrize(("fault", "ended"), [(Fault.DROP_BEFORE, 0), (Fault.DROP_AFTER, 3)])
async def test_a_dropped_connection_gives_no_answer(portal: Opener, fault: Fault, ended: int) -> None:
    caller = await portal()
    caller.sandbox.faults.next_kills[fault] = 1
    with pytest.raises(aiohttp.ClientConnectionError):
        await caller.batch(kills(caller.first(3)))
    assert caller.sandbox.ledger.kills_effective == ended


@pytest.mark.parametrize(
    ("fault", "status", "start", "ended"),
    [
        (Fault.BAD_GATEWAY, 502, b"<!DOCTYPE", 0),
        (Fault.UNAVAILABLE, 503, b"<!DOCTYPE", 0),
        (Fault.TIMEOUT_AFTER, 504, b"<!DOCTYPE", 1),
        (Fault.HTML, 200, b"<!DOCTYPE", 1),
        (Fault.EMPTY, 200, b"", 1),
        (Fault.TRUNCATED, 200, b'{"result"', 1),
    ],
)
async def test_a_fault_spoils_the_answer(portal: Opener, fault: Fault, status: int, start: bytes, ended: int) -> None:
    caller = await portal()
    caller.sandbox.faults.next_kills[fault] = 1
    got, body = await caller.raw("bizproc.workflow.kill", {"ID": caller.first(1)[0]})
    assert (got, body[:9]) == (status, start)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert (caller.sandbox.ledger.kills_effective, caller.sandbox.ledger.outcomes[fault]) == (ended, 1)


async def test_an_ordered_fault_waits_for_a_request_with_kills(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.next_kills[Fault.EMPTY] = 1
    assert (await caller.raw("profile"))[1] != b""
    assert (await caller.raw("batch", {"CMD": ["scope", "bizproc.workflow.terminate?ID=x"]}))[1] == b""
    assert (await caller.raw("bizproc.workflow.kill", {"ID": "x"}))[1] != b""


async def test_rates_draw_the_same_faults_for_the_same_seed(portal: Opener) -> None:
    drawn = []
    for _ in range(2):
        caller = await portal(faults={"empty": 0.5}, fault_seed=3)
        drawn.append([(await caller.raw("profile"))[1] == b"" for _ in range(20)])
    assert drawn[0] == drawn[1]
    assert 0 < sum(drawn[0]) < 20


async def change(caller: Caller, body: object) -> tuple[int, Any]:
    async with caller.session.post(f"{caller.sandbox.url}sandbox/faults", json=body) as response:
        return response.status, await response.json()


async def test_switches_can_be_changed_over_http(portal: Opener) -> None:
    caller = await portal()
    ids = caller.first(2)
    wanted = {"administrator": False, "rates": {"html": 0.0}, "next_kills": {"empty": 2}, "poison": ids, "seed": 4}
    status, now = await change(caller, wanted)
    assert (status, now["administrator"], now["next_kills"], now["poison"]) == (200, False, {"empty": 2}, ids)
    assert caller.sandbox.faults.next_kills == {Fault.EMPTY: 2}


@pytest.mark.parametrize(
    "body",
    [
        {"nonsense": 1},
        {"rates": {"no_such": 0.5}},
        {"administrator": "no"},
        {"scopes": "bizproc"},
        {"rates": 5},
        {"life": {"flies": 1}},
        {"refusal": {"error": "x"}},
        {"later": [{"kills": 1, "change": {"nonsense": 1}}]},
        {"later": [{"kills": 1}]},
        {"parents": ["x"]},
        [],
        5,
    ],
    ids=str,
)
async def test_senseless_switches_are_refused_and_change_nothing(portal: Opener, body: object) -> None:
    caller = await portal()
    before = caller.sandbox.faults.to_json()
    changes = {"webhook": False, **body} if isinstance(body, dict) else body
    status, answer = await change(caller, changes)
    assert (status, list(answer)) == (400, ["error"])
    assert caller.sandbox.faults.to_json() == before


async def test_everything_that_is_shown_can_be_sent_back(portal: Opener) -> None:
    caller = await portal(later=({"kills": 5, "change": {"webhook": False}},), families=2, life={"ends": 0.1}, crash=1)
    before = caller.sandbox.faults.to_json()
    assert await change(caller, before) == (200, before)


@pytest.mark.parametrize(
    "settings", [{"faults": {"no_such": 0.5}}, {"generation": "G4"}, {"life": {"flies": 1}}], ids=str
)
def test_unknown_names_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        Sandbox(Settings(instances=0, **settings))
