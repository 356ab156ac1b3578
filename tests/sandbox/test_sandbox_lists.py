"""What lists give: PORTAL.md 2, 3.2, 5, 8 and 14, items 4 to 7, 12 and 14."""

import pytest
from sandbox_client import Caller, Opener, row

INSTANCES = "bizproc.workflow.instances"
TEMPLATES = "bizproc.workflow.template.list"
QUOTE = "Bitrix\\Crm\\Integration\\BizProc\\Document\\Quote"


@pytest.fixture
async def caller(portal: Opener) -> Caller:
    """Five rows: two leads alike but for one letter, a deal, a quote and a zombie."""
    caller = await portal(instances=0)
    for item in (
        row(1, document_id="LEAD_1", modified=100),
        row(2, document_id="LEADX1", modified=200, started_by=0),
        row(3, entity="CCrmDocumentDeal", document_id="DEAL_7", started_by=None, started=None),
        row(4, entity=QUOTE, document_id="QUOTE_1", template_id=9, owned_until=1_726_223_401),
        row(5, entity="", document_id="", module="", template_id=0, started=1_726_309_501),
    ):
        caller.sandbox.world.put(item)
    return caller


async def numbers(caller: Caller, **conditions: object) -> list[int]:
    """Which of the five rows a filter lets through."""
    names = {row(place).id: place for place in range(1, 6)}
    return [names[name] for name in await caller.ids({"FILTER": conditions})]


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("DOCUMENT_ID", "LEAD_1", [1, 2]),
        ("DOCUMENT_ID", "lead_%", [1, 2]),
        ("DOCUMENT_ID", "%_1", [1, 2, 4]),
        ("DOCUMENT_ID", "LEAD\\_1", [1]),
        ("!DOCUMENT_ID", "LEAD_1", [3, 4, 5]),
        ("=DOCUMENT_ID", "LEAD_1", [1]),
        ("!=DOCUMENT_ID", "LEAD_1", [2, 3, 4, 5]),
        ("ENTITY", QUOTE, []),
        ("!ENTITY", QUOTE, [1, 2, 3, 4, 5]),
        ("ENTITY", QUOTE.replace("\\", "\\\\"), [4]),
        ("=ENTITY", QUOTE, [4]),
        ("MODULE_ID", "", [5]),
        ("DOCUMENT_ID", ["DEAL_7", "QUOTE_1"], [3, 4]),
        ("!DOCUMENT_ID", ["DEAL_7", "QUOTE_1"], [1, 2, 5]),
        ("DOCUMENT_ID", [], []),
        (">DOCUMENT_ID", ["LEAD_1", "A"], [2, 4]),
        ("TEMPLATE_ID", 0, [5]),
        ("TEMPLATE_ID", [0, "9"], [4, 5]),
        ("!TEMPLATE_ID", 212, [4, 5]),
        ("STARTED_BY", "0", [2, 3]),
        (">STARTED_BY", 56, [1, 4, 5]),
        ("<TEMPLATE_ID", "212", [4, 5]),
    ],
    ids=str,
)
async def test_a_filter_lets_through(caller: Caller, key: str, value: object, found: list[int]) -> None:
    assert await numbers(caller, **{key: value}) == found


async def test_field_names_are_case_free(caller: Caller) -> None:
    assert await numbers(caller, document_id="DEAL_7") == [3]


async def test_a_filter_that_is_a_text_is_no_filter(caller: Caller) -> None:
    assert len(await caller.ids({"FILTER": "ID=1"})) == 5


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("<STARTED", "2024-09-14T00:00:00+03:00", [1, 2, 4]),
        (">=STARTED", "2024-09-13T10:25:01Z", [1, 2, 4, 5]),
        (">STARTED", "13.09.2024 13:25:01", [5]),
        ("<STARTED", "-10 days", [1, 2, 4, 5]),
        ("STARTED", "", [3]),
        ("STARTED", "whenever", [3]),
        ("!OWNED_UNTIL", "", [4]),
        ("OWNED_UNTIL", "", [1, 2, 3, 5]),
        ("<STARTED", "", []),
        (">STARTED", "whenever", []),
        ("MODIFIED", "@100", [1]),
    ],
)
async def test_a_date_filter_lets_through(caller: Caller, key: str, value: str, found: list[int]) -> None:
    assert await numbers(caller, **{key: value}) == found


async def test_the_owners_zone_is_in_the_profile(portal: Opener) -> None:
    caller = await portal(user_offset=5.0)
    assert (await caller.result("profile"))["TIME_ZONE"] == "Etc/GMT-5"


async def test_a_keyset_walk_sees_every_row_once(portal: Opener) -> None:
    caller = await portal()
    seen: list[str] = []
    while page := await caller.ids({"FILTER": {">ID": seen[-1] if seen else ""}, "start": -1}):
        seen += page
    assert seen == caller.first(120)


async def test_bounds_on_the_id_are_kept_at_both_ends(portal: Opener) -> None:
    caller = await portal()
    ids = caller.first(20)
    assert await caller.ids({"FILTER": {">=ID": ids[5], "<=ID": ids[9]}}) == ids[5:10]
    assert await caller.ids({"FILTER": {">ID": ids[5], "<ID": ids[9]}, "ORDER": {"ID": "DESC"}}) == ids[8:5:-1]


async def test_past_the_end_there_is_an_empty_list_and_the_right_total(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.answer(INSTANCES, {"start": 500})
    assert (answer["result"], answer["total"], "next" in answer) == ([], 120, False)


async def test_start_need_not_be_a_multiple_of_the_page(portal: Opener) -> None:
    caller = await portal()
    assert (await caller.answer(INSTANCES, {"start": "7"}))["next"] == 57


async def test_an_upper_case_start_and_a_limit_mean_nothing(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.answer(INSTANCES, {"START": 100, "LIMIT": 5})
    assert (len(answer["result"]), answer["next"]) == (50, 50)


async def test_any_direction_but_desc_is_ascending(portal: Opener) -> None:
    caller = await portal()
    assert await caller.ids({"ORDER": {"id": "downwards"}}) == caller.first(50)


async def test_the_default_order_is_by_modified_from_the_newest(portal: Opener) -> None:
    caller = await portal()
    moments = [item["MODIFIED"] for item in await caller.result(INSTANCES)]
    assert moments == sorted(moments, reverse=True)


async def test_null_comes_first_in_an_ascending_order(caller: Caller) -> None:
    assert (await caller.ids({"ORDER": {"STARTED": "ASC"}}))[0] == row(3).id


@pytest.mark.parametrize("select", [[], ["*"], ["STATUS"], "ID"], ids=str)
async def test_a_select_without_known_names_is_the_default_one(caller: Caller, select: object) -> None:
    assert set((await caller.result(INSTANCES, {"SELECT": select}))[0]) == {"ID", "MODIFIED", "OWNED_UNTIL"}


async def test_select_is_case_free_and_ignores_unknown_names(caller: Caller) -> None:
    assert set((await caller.result(INSTANCES, {"select": ["entity", "NOPE"]}))[0]) == {"ENTITY"}


async def test_a_select_item_that_is_an_array_is_an_error(caller: Caller) -> None:
    assert (await caller.answer(INSTANCES, {"SELECT": [["ID"]]}))["error"] == "ERROR_SELECT_VALIDATION_FAILURE"


async def test_templates_are_listed_by_id_with_only_their_id(portal: Opener) -> None:
    caller = await portal()
    answer = await caller.answer(TEMPLATES)
    ids = [int(item["ID"]) for item in answer["result"]]
    assert (ids, set(answer["result"][0])) == (sorted(ids), {"ID"})
    assert answer["total"] > 50


async def templates(caller: Caller) -> list[dict[str, str]]:
    fields = ["ID", "NAME", "AUTO_EXECUTE", "DOCUMENT_TYPE", "MODIFIED"]
    pages = [await caller.result(TEMPLATES, {"SELECT": fields, "start": start}) for start in (0, 50)]
    return [item for page in pages for item in page]


async def test_some_names_belong_to_two_templates_in_either_language(portal: Opener) -> None:
    names = [item["NAME"] for item in await templates(await portal())]
    assert any(names.count(name) == 2 for name in names)
    assert any(name.isascii() for name in names)
    assert any(not name.isascii() for name in names)


async def test_templates_can_be_filtered_by_type(portal: Opener) -> None:
    caller = await portal()
    found = await caller.result(TEMPLATES, {"FILTER": {"=DOCUMENT_TYPE": "DEAL"}, "SELECT": ["DOCUMENT_TYPE"]})
    assert found == [{"DOCUMENT_TYPE": "DEAL"}] * 3
