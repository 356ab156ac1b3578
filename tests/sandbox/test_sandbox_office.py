"""Tasks and users: PORTAL.md 2 and 9."""

from typing import Any

import pytest
from sandbox_client import Caller, Opener

TASKS, USERS = "bizproc.task.list", "user.get"


@pytest.fixture
async def caller(portal: Opener) -> Caller:
    return await portal(instances=400)


async def test_tasks_come_newest_first_with_their_default_fields(caller: Caller) -> None:
    answer = await caller.answer(TASKS)
    ids = [int(task["ID"]) for task in answer["result"]]
    assert (ids, len(ids)) == (sorted(ids, reverse=True), 50)
    named = {"ID", "WORKFLOW_ID", "DOCUMENT_NAME", "NAME", "ENTITY", "DOCUMENT_ID", "DOCUMENT_URL"}
    assert set(answer["result"][0]) == named


async def test_each_assignee_has_a_row_so_that_workflows_repeat(caller: Caller) -> None:
    workflows = [task.workflow_id for task in caller.sandbox.office.tasks]
    assert len(set(workflows)) < len(workflows)


@pytest.mark.parametrize(("start", "place"), [(0, 0), (50, 50), (99, 50), (100_000, 0)], ids=str)
async def test_the_start_is_floored_and_past_the_end_is_the_first_page_again(
    caller: Caller, start: int, place: int
) -> None:
    first = await caller.answer(TASKS, {"start": place})
    answer = await caller.answer(TASKS, {"start": start})
    assert (answer["result"], answer["total"]) == (first["result"], len(caller.sandbox.office.tasks))


async def test_a_negative_start_gives_the_first_page_without_a_count(caller: Caller) -> None:
    answer = await caller.answer(TASKS, {"start": -1})
    assert (len(answer["result"]), answer["total"], "next" in answer) == (50, 0, False)


@pytest.mark.parametrize(
    "conditions",
    [{"STATUS": 0, "USER_STATUS": 0}, {"=STATUS": "0", "!USER_STATUS": [1, 2, 3, 4]}, {"status": 0, "user_status": 0}],
    ids=str,
)
async def test_tasks_that_wait_for_an_answer_are_filtered(caller: Caller, conditions: dict[str, Any]) -> None:
    waiting = [task for task in caller.sandbox.office.tasks if task.status == task.user_status == 0]
    answer = await caller.answer(TASKS, {"FILTER": conditions})
    assert answer["total"] == len(waiting) < len(caller.sandbox.office.tasks)


async def test_tasks_of_several_users_and_of_a_workflow_are_found(caller: Caller) -> None:
    task = caller.sandbox.office.tasks[0]
    found = await caller.result(TASKS, {"FILTER": {"USER_ID": [task.user_id, 0], "WORKFLOW_ID": task.workflow_id}})
    assert [item["ID"] for item in found] == [str(task.id)]


@pytest.mark.parametrize(("way", "finished_stay"), [("kill", False), ("terminate", True)])
async def test_tasks_go_with_their_instance(caller: Caller, way: str, finished_stay: bool) -> None:
    office = caller.sandbox.office
    running = next(task for task in office.tasks if task.status == 0)
    finished = next(task for task in office.tasks if task.status == 1)
    for task in (running, finished):
        assert await caller.result(f"bizproc.workflow.{way}", {"ID": task.workflow_id}) is True
    assert (running in office.tasks, finished in office.tasks) == (False, finished_stay)


async def test_others_than_administrators_see_their_own_tasks(portal: Opener) -> None:
    caller = await portal(instances=400, administrator=False)
    answer = await caller.answer(TASKS, {"SELECT": ["USER_ID"]})
    assert {task["USER_ID"] for task in answer["result"]} <= {"1"}


@pytest.mark.parametrize("value", [0, "0", False, "false", "N"], ids=repr)
@pytest.mark.parametrize("nested", [True, False])
async def test_dismissed_users_are_found_with_the_filter_flat_or_not(
    caller: Caller, value: object, nested: bool
) -> None:
    body = {"FILTER": {"ACTIVE": value}} if nested else {"ACTIVE": value}
    answer = await caller.answer(USERS, body)
    dismissed = [str(user.id) for user in caller.sandbox.office.users if not user.active]
    assert ([user["ID"] for user in answer["result"]], answer["total"]) == (dismissed, len(dismissed))
    assert {user["ACTIVE"] for user in answer["result"]} == {False}


async def test_some_users_are_dismissed_and_the_webhooks_owner_is_not(caller: Caller) -> None:
    users = caller.sandbox.office.users
    assert 0 < sum(not user.active for user in users) < len(users) / 2
    assert users[0].active


async def test_a_negative_start_skips_the_count_of_users(caller: Caller) -> None:
    answer = await caller.answer(USERS, {"start": -1})
    assert (len(answer["result"]), answer["total"], "next" in answer) == (50, 0, False)


@pytest.mark.parametrize("start", [0, -1])
async def test_nobody_is_a_bare_list(caller: Caller, start: int) -> None:
    answer = await caller.answer(USERS, {"ID": 100_000, "start": start})
    assert (answer["result"], list(answer)) == ([], ["result", "time"])


@pytest.mark.parametrize(("scope", "granted"), [("user", True), ("user_basic", True), ("bizproc", False)])
async def test_users_need_one_of_their_scopes(portal: Opener, scope: str, granted: bool) -> None:
    answer = await (await portal(scopes=(scope,))).answer(USERS)
    assert ("result" in answer) == granted
