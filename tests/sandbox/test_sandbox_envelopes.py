"""The shape of answers: PORTAL.md 1 and 14, items 1 to 3 and 12."""

import json

import pytest
from sandbox_client import Opener, kills, row

INSTANCES = "bizproc.workflow.instances"
TIMES = ["start", "finish", "duration", "processing", "date_start", "date_finish"]
OPERATING = ["operating_reset_at", "operating"]


async def test_a_page_with_a_next_one_has_its_keys_in_the_portals_order(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.answer(INSTANCES)
    assert list(answer) == ["result", "next", "total", "time"]
    assert (len(answer["result"]), answer["next"], answer["total"]) == (50, 50, 120)


async def test_the_last_page_has_a_total_and_no_next(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.answer(INSTANCES, {"start": 100})
    assert list(answer) == ["result", "total", "time"]
    assert len(answer["result"]) == 20


async def test_a_kill_answers_true_itself(portal: Opener) -> None:
    caller = await portal()
    status, answer = await caller.kill(caller.first(1)[0])
    assert (status, answer["result"], list(answer)) == (200, True, ["result", "time"])


async def test_the_time_block_is_that_of_the_newest_generation(portal: Opener) -> None:
    caller = await portal()
    time = (await caller.answer("profile"))["time"]
    assert list(time) == TIMES + OPERATING
    assert {type(time[name]) for name in ("start", "processing", "operating_reset_at")} == {int}
    assert time["duration"] == pytest.approx(time["finish"] - time["start"], abs=1e-5)
    assert time["date_start"] == "2026-03-01T12:00:00+03:00"
    assert (time["operating"], time["operating_reset_at"]) == (0, time["start"] + 600)


async def test_a_box_has_no_operating_fields(portal: Opener) -> None:
    caller = await portal(billing="absent")
    assert list((await caller.answer("profile"))["time"]) == TIMES


async def test_operating_fields_can_be_null(portal: Opener) -> None:
    caller = await portal(billing="null")
    time = (await caller.answer("profile"))["time"]
    assert (time["operating"], time["operating_reset_at"]) == (None, None)


async def test_an_error_has_no_time_block(portal: Opener) -> None:
    caller = await portal()
    status, body = await caller.raw("bizproc.workflow.kill")
    assert status == 400
    assert json.loads(body) == {
        "error": "ERROR_WRONG_WORKFLOW_ID",
        "error_description": "Empty workflow instance ID",
    }


async def test_only_successes_have_times_in_a_batch(portal: Opener) -> None:
    caller = await portal()
    instance = caller.first(1)[0]
    status, body = await caller.raw("batch", {"cmd": kills([instance, instance])})
    answer = json.loads(body)["result"]
    assert status == 200
    assert (list(answer["result"]), list(answer["result_time"])) == (["k0"], ["k0"])
    assert answer["result_error"]["k1"] == {"error": "", "error_description": "Бизнес-процесс не найден"}
    assert list(answer["result_time"]["k0"]) == TIMES + OPERATING


async def test_a_batched_page_reports_total_and_next_in_their_maps(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.batch({"a": INSTANCES, "b": f"{INSTANCES}?start=100"})
    assert (answer["result_total"], answer["result_next"]) == ({"a": 120, "b": 120}, {"a": 50})


async def test_markup_and_quotes_are_escaped_and_other_letters_are_not(portal: Opener) -> None:
    caller = await portal(instances=0)
    caller.sandbox.world.put(row(1, entity="Bitrix\\Lists\\\"<Ж>&'\\", document_id='\\"'))
    _, body = await caller.raw(INSTANCES, {"SELECT": ["ENTITY", "DOCUMENT_ID"]})
    assert '"Bitrix\\\\Lists\\\\\\u0022\\u003CЖ\\u003E\\u0026\\u0027\\\\"'.encode() in body
    assert json.loads(body)["result"] == [{"ENTITY": "Bitrix\\Lists\\\"<Ж>&'\\", "DOCUMENT_ID": '\\"'}]


async def test_fields_are_printed_as_texts_and_missing_values_as_null(portal: Opener) -> None:
    caller = await portal(instances=0)
    caller.sandbox.world.put(row(1, started=None, started_by=None, template_id=0, owned_until=1_726_223_401))
    every = ["STARTED", "STARTED_BY", "TEMPLATE_ID", "OWNED_UNTIL"]
    assert await caller.result(INSTANCES, {"SELECT": every}) == [
        {"STARTED": None, "STARTED_BY": None, "TEMPLATE_ID": "0", "OWNED_UNTIL": "2024-09-13T13:30:01+03:00"}
    ]


async def test_the_default_row_has_three_fields(portal: Opener) -> None:
    caller = await portal()
    assert set((await caller.result(INSTANCES))[0]) == {"ID", "MODIFIED", "OWNED_UNTIL"}


@pytest.mark.parametrize(
    ("method", "body", "result"),
    [
        ("scope", None, ["bizproc", "user_brief", "crm", "task"]),
        ("app.info", None, {"SCOPE": ["bizproc", "user_brief", "crm", "task"], "LICENSE": "ru_pro100"}),
        ("method.get", {"name": "bizproc.workflow.kill"}, {"isExisting": True, "isAvailable": True}),
        ("method.get", {"name": "no.such"}, {"isExisting": False, "isAvailable": False}),
        ("server.time", None, "2026-03-01T12:00:00+03:00"),
        ("user.admin", None, True),
    ],
)
async def test_probes_answer_as_documented(portal: Opener, method: str, body: object, result: object) -> None:
    caller = await portal()
    assert await caller.result(method, body) == result


async def test_the_profile_tells_whether_the_owner_is_an_administrator(portal: Opener) -> None:
    caller = await portal()
    profile = await caller.result("profile")
    assert list(profile) == ["ID", "ADMIN", "NAME", "LAST_NAME", "PERSONAL_GENDER", "TIME_ZONE"]
    assert (profile["ID"], profile["ADMIN"]) == ("1", True)
