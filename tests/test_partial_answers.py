"""Answers about tasks, users and documents that are cut short or contradict themselves: nothing is ended by them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cleanup.portal.client import Reader
from tests.strange_portal import Strange, rows, strange
from tests.test_dismissed import ALL, RULES
from tests.test_strange_portals import IDS, INSTANCES, KILL, apply, plan

TASKS = "bizproc.task.list"
USERS = "user.get"
ITEMS = "crm.item.list"
ONE = IDS[0]
#: Dismissed, and at work.
GONE, THERE = 7, 1
NOBODY = RULES.format(match="{not: {assigned_to: {dismissed: true}}}")
Parameters = Mapping[str, list[str]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "patience", (2, 2.0))


def part(task: int, user: int, instance: str = ONE) -> dict[str, str]:
    return {"ID": str(task), "WORKFLOW_ID": instance, "USER_ID": str(user), "STATUS": "0", "USER_STATUS": "0"}


def people(parameters: Parameters) -> Any:
    active = parameters["FILTER[ACTIVE]"] == ["1"]
    number = str(THERE if active else GONE)
    return [{"ID": number, "ACTIVE": active}] if number in parameters["FILTER[ID][]"] else []


def behind(parts: list[dict[str, str]], parameters: Parameters) -> list[dict[str, str]]:
    """What a portal lists that does not know references: they are no number, and behind everything."""
    least = parameters["FILTER[>=ID]"][0]
    return [row for row in parts if least.isdigit() and int(row["ID"]) >= int(least)]


def portal_of(*ids: str, tasks: Callable[[Parameters], Any], **more: Callable[[Parameters], Any]) -> dict[str, Any]:
    scope = ["bizproc", "user_brief", "crm", "task"]
    return {INSTANCES: rows(*ids), TASKS: tasks, USERS: people, "scope": lambda _: scope, **more}


def is_look_up(parameters: Parameters) -> bool:
    return "FILTER[WORKFLOW_ID][]" in parameters


async def selected(portal: Strange, folder: Path, rules: str) -> int:
    planned = await plan(portal, folder, rules)
    assert planned.exit_code == 0
    return int(planned.document["totals"]["selected"])


async def test_a_recheck_whose_tasks_are_fewer_than_the_portal_counts_ends_nothing(tmp_path: Path) -> None:
    """The one that is missing may be the one that an active user can answer."""
    methods = portal_of(ONE, tasks=lambda parameters: behind([part(5, GONE)], parameters))
    async with strange(methods=methods, totals={TASKS: 2, INSTANCES: 1}) as portal:
        assert await selected(portal, tmp_path, ALL) == 1
        applied = await apply(portal, tmp_path)
        assert (applied.exit_code, portal.made(KILL)) == (6, [])
        assert "did not tell all tasks" in applied.message


async def test_a_recheck_whose_first_page_is_cut_short_reads_on(tmp_path: Path) -> None:
    def cut(parameters: Parameters) -> Any:
        found = [part(5, GONE), part(5, THERE)] if is_look_up(parameters) else [part(5, GONE)]
        return found[:1] if parameters["start"] == ["0"] else behind(found, parameters)

    async with strange(methods=portal_of(ONE, tasks=cut), totals={TASKS: 2, INSTANCES: 1}) as portal:
        assert await selected(portal, tmp_path, ALL) == 1
        applied = await apply(portal, tmp_path)
        assert (applied.document["totals"]["changed"], portal.made(KILL)) == (1, [])


async def test_a_page_that_is_cut_within_a_task_does_not_hide_its_other_users(tmp_path: Path) -> None:
    def cut(parameters: Parameters) -> Any:
        found = behind([part(5, GONE), part(5, THERE)], parameters)
        return found[:1] if parameters["FILTER[>=ID]"] == ["1"] else found

    async with strange(methods=portal_of(ONE, tasks=cut)) as portal:
        assert await selected(portal, tmp_path, ALL) == 0


async def test_tasks_behind_a_reference_that_is_answered_with_nothing_are_read(tmp_path: Path) -> None:
    found = [*(part(number, THERE, IDS[1]) for number in range(1, 51)), part(51, GONE)]

    def listed(parameters: Parameters) -> Any:
        return behind(found, parameters)[:50]

    async with strange(methods=portal_of(*IDS[:2], tasks=listed)) as portal:
        assert await selected(portal, tmp_path, NOBODY) == 1  # the other one


async def test_a_user_who_is_both_active_and_dismissed_is_neither(tmp_path: Path) -> None:
    def both(parameters: Parameters) -> Any:
        active = parameters["FILTER[ACTIVE]"] == ["1"]
        return [{"ID": number, "ACTIVE": active} for number in parameters["FILTER[ID][]"]]

    methods = portal_of(ONE, tasks=lambda parameters: behind([part(5, GONE), part(6, THERE)], parameters))
    async with strange(methods=methods | {USERS: both}) as portal:
        assert await selected(portal, tmp_path, ALL) == 0
        assert await selected(portal, tmp_path, NOBODY) == 0


@pytest.mark.parametrize("counted", [1, 2, 0], ids=["as shown", "more", "not counted"])
async def test_a_list_of_documents_that_is_not_what_the_portal_counts_tells_of_none_that_is_gone(
    tmp_path: Path, counted: int
) -> None:
    """The lead of all is LEAD_1; the newest one, 9, is shown each time."""
    methods = portal_of(*IDS, tasks=lambda _: [], **{ITEMS: lambda _: {"items": [{"id": 9}]}})
    rules = RULES.format(match="{document_exists: false}")
    async with strange(methods=methods, totals={ITEMS: counted}) as portal:
        assert await selected(portal, tmp_path, rules) == (len(IDS) if counted == 1 else 0)
