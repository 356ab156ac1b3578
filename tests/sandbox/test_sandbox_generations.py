"""What differs by generation of the portal's core: PORTAL.md 1, 2, 3.1, 3.2, 5, 7, 8 and 11."""

import json

import pytest
from sandbox_client import Caller, Opener, row

from cleanup.sandbox import Generation, Template
from cleanup.sandbox.generations import TRAITS

INSTANCES = "bizproc.workflow.instances"
TEMPLATES = "bizproc.workflow.template.list"
KILL, TERMINATE = "bizproc.workflow.kill", "bizproc.workflow.terminate"
EVERY = pytest.mark.parametrize("generation", [*Generation])
LATER = pytest.mark.parametrize("generation", ["G2", "G3"])
OLDER = pytest.mark.parametrize("generation", ["G1", "G2"])


async def found(caller: Caller, **conditions: object) -> int:
    return len(await caller.ids({"FILTER": conditions, "start": 0}))


def test_every_generation_has_its_traits() -> None:
    assert set(TRAITS) == set(Generation)


@EVERY
@pytest.mark.parametrize("operation", ["", "!", "<", "<=", ">", ">="])
async def test_the_six_old_operations_work_everywhere(portal: Opener, generation: str, operation: str) -> None:
    caller = await portal(generation=generation, instances=3)
    assert await found(caller, **{f"{operation}ID": caller.first(2)[1]}) < 3


@pytest.mark.parametrize(("generation", "count"), [("G1", 3), ("G2", 3), ("G3", 1)])
@pytest.mark.parametrize("key", ["=ID", "id"])
async def test_an_equals_sign_and_lower_case_are_dropped_before_the_newest(
    portal: Opener, generation: str, key: str, count: int
) -> None:
    caller = await portal(generation=generation, instances=3)
    assert await found(caller, **{key: caller.first(1)[0]}) == count


@pytest.mark.parametrize(("generation", "count"), [("G1", 3), ("G2", 3), ("G3", 2)])
async def test_unequal_is_known_to_the_newest_only(portal: Opener, generation: str, count: int) -> None:
    caller = await portal(generation=generation, instances=3)
    assert await found(caller, **{"!=ID": caller.first(1)[0]}) == count


@pytest.mark.parametrize("method", [INSTANCES, TEMPLATES])
async def test_a_negative_start_is_an_sql_error_in_the_oldest(portal: Opener, method: str) -> None:
    caller = await portal(generation="G1")
    error = {"error": "ERROR_CORE", "error_description": "SQL query error!"}
    status, body = await caller.raw(method, {"start": -1})
    assert (status, json.loads(body)) == (500, error)
    assert (await caller.batch({"a": f"{method}?start=-1"}))["result_error"] == {"a": error}


@pytest.mark.parametrize(("generation", "counts"), [("G1", (0, 2)), ("G2", (1, 1)), ("G3", (1, 1))])
async def test_an_iso_start_is_misread_by_the_oldest(portal: Opener, generation: str, counts: tuple[int, int]) -> None:
    caller = await portal(generation=generation, instances=0)
    for number, started in enumerate((1_700_000_000, 1_750_000_000)):
        caller.sandbox.world.put(row(number, started=started))
    moment = "2024-09-13T10:25:01+00:00"
    assert (await found(caller, **{"<STARTED": moment}), await found(caller, **{">STARTED": moment})) == counts


@pytest.mark.parametrize(("generation", "kind"), [("G1", float), ("G2", int), ("G3", int)])
async def test_the_start_is_a_whole_number_in_later_ones(portal: Opener, generation: str, kind: type) -> None:
    caller = await portal(generation=generation, list_seconds=0.01)
    time = (await caller.answer(INSTANCES))["time"]
    assert {type(time["start"]), type(time["processing"])} == {kind}
    assert time["duration"] == pytest.approx(time["finish"] - time["start"], abs=1e-5)


@pytest.mark.parametrize("method", [KILL, TERMINATE])
@pytest.mark.parametrize(("generation", "refusing"), [("G1", ()), ("G2", (TERMINATE,)), ("G3", (KILL, TERMINATE))])
async def test_an_array_as_id_breaks_the_whole_request_unless_the_method_checks_it(
    portal: Opener, generation: str, refusing: tuple[str, ...], method: str
) -> None:
    caller = await portal(generation=generation)
    first = caller.first(1)[0]
    commands = {"a": f"{KILL}?ID={first}", "b": f"{method}?ID[]=x", "c": "profile"}
    status, body = await caller.raw("batch", {"cmd": commands})
    assert first not in caller.sandbox.world, "what ran before stays done"
    if method not in refusing:
        assert (status, body[:9]) == (500, b"<!DOCTYPE")
        return
    answer = json.loads(body)["result"]
    assert answer["result_error"]["b"]["error"] == "ERROR_WRONG_WORKFLOW_ID"
    assert "string expected" in answer["result_error"]["b"]["error_description"]
    assert list(answer["result"]) == ["a", "c"]


async def test_a_number_as_id_is_cast_where_it_is_not_checked(portal: Opener) -> None:
    caller = await portal(generation="G2")
    answer = await caller.answer(KILL, {"ID": 5})
    assert (answer["error"], caller.sandbox.ledger.not_found) == ("", 1)


async def test_a_batch_in_a_batch_is_legal_in_the_oldest(portal: Opener) -> None:
    caller = await portal(generation="G1")
    answer = await caller.batch({"a": "batch?cmd[x]=user.admin"})
    assert answer["result"]["a"]["result"] == {"x": True}


@LATER
async def test_a_batch_in_a_batch_is_not_allowed_later(portal: Opener, generation: str) -> None:
    answer = await (await portal(generation=generation)).batch({"a": "batch?cmd[x]=user.admin"})
    assert answer["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(("generation", "errors"), [("G1", ["a"]), ("G2", []), ("G3", [])])
async def test_a_command_that_is_no_text_is_an_unknown_method_or_without_a_trace(
    portal: Opener, generation: str, errors: list[str]
) -> None:
    answer = await (await portal(generation=generation)).batch({"a": ["profile"], "b": "scope"})
    assert (list(answer["result"]), list(answer["result_error"])) == (["b"], errors)


@pytest.mark.parametrize(("generation", "count"), [("G1", 20), ("G2", 0), ("G3", 0)])
async def test_a_number_is_put_into_a_longer_text_by_later_ones(portal: Opener, generation: str, count: int) -> None:
    """Left as it is, the reference is cast to the digits before it: start=100."""
    caller = await portal(generation=generation)
    answer = await caller.batch({"a": INSTANCES, "b": f"{INSTANCES}?start=100$result_total[a]"})
    assert len(answer["result"]["b"]) == count


@pytest.mark.parametrize(("generation", "error"), [("G1", None), ("G2", True), ("G3", True)])
async def test_a_select_item_that_is_an_array_is_an_error_in_later_ones(
    portal: Opener, generation: str, error: bool | None
) -> None:
    answer = await (await portal(generation=generation)).answer(INSTANCES, {"SELECT": [["ID"]]})
    assert ("error" in answer) == bool(error)


@EVERY
async def test_the_profile_has_the_zones_offset_in_the_oldest(portal: Opener, generation: str) -> None:
    caller = await portal(generation=generation, user_offset=5.0)
    assert (await caller.result("profile")).get("TIME_ZONE_OFFSET") == (7200 if generation == "G1" else None)


@OLDER
@pytest.mark.parametrize("method", [KILL, TERMINATE])
async def test_one_that_was_executing_comes_back_as_a_zombie(portal: Opener, generation: str, method: str) -> None:
    caller = await portal(generation=generation, instances=0)
    caller.sandbox.world.put(row(1, owned_until=4_000_000_000))
    assert await caller.result(method, {"ID": row(1).id}) is True
    assert row(1).id not in caller.sandbox.world, "gone at once"
    every = ["ID", "MODULE_ID", "ENTITY", "DOCUMENT_ID", "TEMPLATE_ID", "STARTED_BY", "STARTED"]
    (zombie,) = await caller.result(INSTANCES, {"SELECT": every})
    assert zombie.pop("STARTED").startswith("2026-03-01T12:00"), "now"
    assert zombie == {
        "ID": row(1).id,
        "MODULE_ID": "",
        "ENTITY": "",
        "DOCUMENT_ID": "",
        "TEMPLATE_ID": "0",
        "STARTED_BY": "0",
    }
    assert list(caller.sandbox.ledger.zombies) == [row(1).id]


@EVERY
async def test_one_that_hangs_does_not_come_back(portal: Opener, generation: str) -> None:
    caller = await portal(generation=generation, instances=0)
    caller.sandbox.world.put(row(1, owned_until=1_726_223_401))
    await caller.kill(row(1).id)
    assert await caller.ids({}) == []


@pytest.mark.parametrize(("generation", "listed"), [("G1", ["900"]), ("G2", []), ("G3", [])])
async def test_the_oldest_hides_robots_templates_only_and_lists_scripts(
    portal: Opener, generation: str, listed: list[str]
) -> None:
    caller = await portal(generation=generation)
    for place, auto_execute in enumerate((32, 8)):
        made = Template(900 + place, "crm", "CCrmDocumentLead", "LEAD", auto_execute, "odd", 1, 1, "")
        caller.sandbox.world.templates += (made,)
    found = await caller.result(TEMPLATES, {"FILTER": {"NAME": "odd"}})
    assert [item["ID"] for item in found] == listed
