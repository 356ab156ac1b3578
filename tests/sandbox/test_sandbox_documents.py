"""The lists of documents: crm.item.list and tasks.task.list, as the official documentation has them."""

from typing import Any

import pytest
from sandbox_client import Caller, Opener

ITEMS, TASKS = "crm.item.list", "tasks.task.list"


@pytest.fixture
async def caller(portal: Opener) -> Caller:
    return await portal(instances=1500, gone=0.3)


def leads(caller: Caller) -> tuple[set[int], set[int]]:
    """Numbers that instances work on, and those of them that exist."""
    rows = [row for row in caller.sandbox.world.population if row.entity == "CCrmDocumentLead"]
    return {int(row.document_id.removeprefix("LEAD_")) for row in rows}, caller.sandbox.documents.existing[1]


async def test_items_are_found_by_their_ids_and_the_deleted_are_left_out(caller: Caller) -> None:
    named, existing = leads(caller)
    assert 0 < len(existing) < len(named)
    asked = sorted(named)[:50]
    answer = await caller.answer(ITEMS, {"entityTypeId": 1, "filter": {"@id": asked}, "select": ["id"]})
    assert answer["result"] == {"items": [{"id": number} for number in asked if number in existing]}
    assert answer["total"] == len(answer["result"]["items"])


async def test_a_page_has_fifty_items_and_says_where_the_next_begins(caller: Caller) -> None:
    answer = await caller.answer(ITEMS, {"entityTypeId": "1", "order": {"id": "DESC"}})
    newest = sorted(leads(caller)[1], reverse=True)
    assert [item["id"] for item in answer["result"]["items"]] == newest[:50]
    assert (answer["next"], answer["total"]) == (50, len(newest))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"entityTypeId": 999}, "NOT_FOUND"),
        ({}, "NOT_FOUND"),
        ({"entityTypeId": 1, "filter": {"~id": 1}}, "INVALID_ARG_VALUE"),
        ({"entityTypeId": 1, "filter": {"nothing": 1}}, "INVALID_ARG_VALUE"),
    ],
    ids=["no such type", "no type", "no such operation", "no such field"],
)
async def test_what_makes_no_sense_is_refused(caller: Caller, body: dict[str, Any], error: str) -> None:
    assert (await caller.answer(ITEMS, body))["error"] == error


async def test_tasks_have_texts_for_numbers_and_are_found_by_a_list_of_ids(caller: Caller) -> None:
    existing = sorted(caller.sandbox.documents.existing[0])
    answer = await caller.answer(TASKS, {"filter": {"ID": [*existing[:3], 10**9]}, "select": ["ID"]})
    assert answer["result"] == {"tasks": [{"id": str(number)} for number in existing[:3]]}


@pytest.mark.parametrize(("method", "scope"), [(ITEMS, "crm"), (TASKS, "task")])
async def test_each_needs_its_scope(portal: Opener, method: str, scope: str) -> None:
    for scopes, granted in (((scope,), True), (("bizproc",), False)):
        answer = await (await portal(scopes=scopes)).answer(method, {"entityTypeId": 1})
        assert ("result" in answer) is granted
