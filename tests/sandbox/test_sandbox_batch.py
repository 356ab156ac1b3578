"""How requests and batch commands are read: PORTAL.md 1, 3.1 and 14, items 1, 2 and 15."""

import pytest
from sandbox_client import Opener, kills, row

INSTANCES = "bizproc.workflow.instances"


@pytest.mark.parametrize("halt", ["false", "N", "1", 1, True, ["x"]], ids=repr)
async def test_a_true_halt_leaves_out_everything_after_the_first_failure(portal: Opener, halt: object) -> None:
    caller = await portal()
    answer = await caller.batch({"a": "profile", "b": "nothing.here", "c": "scope"}, halt=halt)
    assert (list(answer["result"]), list(answer["result_error"])) == (["a"], ["b"])


@pytest.mark.parametrize("halt", ["0", "", 0, False, None, []], ids=repr)
async def test_a_false_halt_goes_on_after_a_failure(portal: Opener, halt: object) -> None:
    caller = await portal()
    answer = await caller.batch({"a": "nothing.here", "b": "scope"}, halt=halt)
    assert list(answer["result"]) == ["b"]


async def test_an_error_with_an_empty_code_halts_too(portal: Opener) -> None:
    caller = await portal()
    first, second = caller.first(2)
    answer = await caller.batch(kills([first, first, second]), halt=1)
    assert list(answer["result"]) == ["k0"]
    assert second in caller.sandbox.world


async def test_commands_beyond_fifty_are_refused_and_the_first_fifty_run(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.batch(kills(caller.first(52)))
    assert len(answer["result"]) == 50
    assert {key: error["error"] for key, error in answer["result_error"].items()} == {
        "k50": "ERROR_BATCH_LENGTH_EXCEEDED",
        "k51": "ERROR_BATCH_LENGTH_EXCEEDED",
    }


async def test_a_batch_in_a_batch_is_not_allowed(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.batch({"a": "batch?cmd[x]=profile"})
    assert answer["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


async def test_a_missing_scope_has_no_text_inside_a_batch(portal: Opener) -> None:
    caller = await portal(scopes=("crm",))
    answer = await caller.batch({"a": INSTANCES})
    assert answer["result_error"] == {"a": {"error": "insufficient_scope", "error_description": ""}}


async def test_an_unknown_method_inside_a_batch_is_an_error_of_its_key(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.batch({"a": "bizproc.nothing", "b": "profile.json"})
    assert {error["error"] for error in answer["result_error"].values()} == {"ERROR_METHOD_NOT_FOUND"}


async def test_method_names_and_outer_keys_do_not_mind_case(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.result("BATCH.json", {"CMD": {"a": "User.Admin"}})
    assert answer["result"] == {"a": True}


async def test_the_alias_lists_the_same(portal: Opener) -> None:
    caller = await portal()
    body = {"order": {"ID": "asc"}}
    listed = await caller.result(INSTANCES, body)
    assert await caller.result("bizproc.workflow.instance.list", body) == listed


@pytest.mark.parametrize("command", ["ID={}", "id={}", "%49D={}&x=1", "ID={}#&ID=none"], ids=str)
async def test_a_kill_reads_its_id_in_any_of_these_ways(portal: Opener, command: str) -> None:
    caller = await portal()
    instance = caller.first(1)[0]
    await caller.batch({"a": "bizproc.workflow.kill?" + command.format(instance)})
    assert instance not in caller.sandbox.world


async def test_a_raw_plus_is_a_blank_so_that_the_date_cannot_be_read(portal: Opener) -> None:
    caller = await portal()
    command = INSTANCES + "?filter[>STARTED]=2001-01-01T00:00:00{}03:00&start=-1"
    answer = await caller.batch({"raw": command.format("+"), "quoted": command.format("%2B")})
    assert (answer["result"]["raw"], len(answer["result"]["quoted"])) == ([], 50)


async def test_broken_json_is_no_parameters_at_all(portal: Opener) -> None:
    caller = await portal()
    url = f"{caller.sandbox.webhook}{INSTANCES}"
    headers = {"Content-Type": "application/json"}
    async with caller.session.post(url, data=b'{"FILTER": {"ID": "none"}', headers=headers) as response:
        assert (await response.json())["total"] == 120


async def test_the_body_goes_over_the_query(portal: Opener) -> None:
    caller = await portal()
    _, body = await caller.raw(INSTANCES, {"start": 100}, query="start=0&FILTER[ID]=none")
    assert b'"result":[]' in body
    _, body = await caller.raw(INSTANCES, {"start": 110}, query="start=0")
    assert b'"next"' not in body


async def test_a_form_body_is_read_like_a_query(portal: Opener) -> None:
    caller = await portal()
    wanted = caller.first(2)
    form = {"order[ID]": "ASC", "filter[ID][0]": wanted[0], "filter[ID][1]": wanted[1]}
    async with caller.session.post(f"{caller.sandbox.webhook}{INSTANCES}", data=form) as response:
        assert [item["ID"] for item in (await response.json())["result"]] == wanted


async def test_a_get_request_does_the_same_as_a_post(portal: Opener) -> None:
    caller = await portal()
    async with caller.session.get(f"{caller.sandbox.webhook}{INSTANCES}.json?start=110") as response:
        assert len((await response.json())["result"]) == 10


async def test_pages_can_be_chained_by_references(portal: Opener) -> None:
    caller = await portal()
    query = "?order[ID]=ASC&start=-1&filter[>ID]="
    chain = {"p0": f"{INSTANCES}{query}"}
    chain |= {f"p{place}": f"{INSTANCES}{query}$result[p{place - 1}][49][ID]" for place in range(1, 5)}
    pages = (await caller.batch(chain))["result"]
    assert [len(pages[f"p{place}"]) for place in range(5)] == [50, 50, 20, 0, 0]
    assert [item["ID"] for page in pages.values() for item in page] == caller.first(120)


async def test_a_reference_keeps_its_type_and_an_embedded_one_becomes_text(portal: Opener) -> None:
    caller = await portal()
    commands = {
        "all": INSTANCES,
        "next": f"{INSTANCES}?start=$result_next[all]",
        "zero": f"{INSTANCES}?start=1$result_total[all]",
    }
    answer = await caller.batch(commands)
    assert [len(answer["result"][key]) for key in ("next", "zero")] == [50, 0]
    assert answer["result_next"] == {"all": 50, "next": 100}


async def test_a_missing_step_gives_the_deepest_value_so_that_a_kill_gets_an_array(portal: Opener) -> None:
    caller = await portal(instances=1)
    commands = {
        "list": INSTANCES,
        "kill": "bizproc.workflow.kill?ID=$result[list][7][ID]",
        "null": "bizproc.workflow.kill?ID=$result[list][0][OWNED_UNTIL]",
    }
    errors = (await caller.batch(commands))["result_error"]
    assert {key: error["error_description"] for key, error in errors.items()} == {
        "kill": "Invalid workflow instance ID (string expected)",
        "null": "Invalid workflow instance ID (string expected)",
    }
    assert len(caller.sandbox.world) == 1


async def test_too_many_variables_are_cut_without_a_word(portal: Opener) -> None:
    caller = await portal(instances=0)
    caller.sandbox.world.put(row(1))
    ids = "&".join(f"filter[ID][]=none{place}" for place in range(1000))
    answer = await caller.batch({"a": f"{INSTANCES}?{ids}&filter[ID][]={row(1).id}"})
    assert answer["result"]["a"] == []


async def test_sub_calls_run_in_the_given_order(portal: Opener) -> None:
    caller = await portal()
    instances = caller.first(50)[::-1]
    await caller.batch(kills(instances))
    assert list(caller.sandbox.ledger.endings) == instances
