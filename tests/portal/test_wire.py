"""How the portal's JSON is read and how commands are written, against the documented shapes."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.portal import wire
from cleanup.portal.wire import Call, CallError

TIME = {"start": 1, "finish": 1726476060.8, "operating_reset_at": 1726476660, "operating": 0.5}


def batch(**maps: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"result": [], "result_error": [], "result_total": [], "result_next": [], "result_time": []}
    return {"result": empty | maps, "time": TIME}


def test_a_command_survives_the_portals_own_decoding() -> None:
    call = Call("m", {"FILTER": {">=MODIFIED": "2026-01-01T00:00:00+03:00", "ID": ["a&b=c", "d#e%f"]}, "start": -1})
    method, _, query = wire.command(call).partition("?")
    assert method == "m"
    assert parse_qsl(query) == [
        ("FILTER[>=MODIFIED]", "2026-01-01T00:00:00+03:00"),
        ("FILTER[ID][]", "a&b=c"),
        ("FILTER[ID][]", "d#e%f"),
        ("start", "-1"),
    ]


@given(st.text())
def test_any_text_comes_through_a_command(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    _, _, query = wire.command(Call("m", {"STATUS": text})).partition("?")
    assert parse_qsl(query, keep_blank_values=True) == [("STATUS", text)]


def test_a_reference_is_written_as_the_documentation_does() -> None:
    assert wire.command(Call("m", {"FILTER": {">ID": wire.reference(0, "49", "ID")}})) == (
        "m?FILTER[%3EID]=$result[c00][49][ID]"
    )


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_of_an_impossible_size_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        wire.batch_body([Call("m", {})] * count)


@pytest.mark.parametrize(
    "results",
    [
        pytest.param({"c00": True, "c01": True}, id="objects"),
        pytest.param({"c01": True}, id="one is in the other map"),
        pytest.param([], id="an empty list"),
    ],
)
def test_each_map_has_its_own_shape(results: Any) -> None:
    errors = {key: {"error": "", "error_description": "нет"} for key in ("c00", "c01") if key not in results}
    answers = wire.batch_answers(batch(result=results, result_error=errors or []), 2)
    assert [answer.succeeded for answer in answers] == [key in results for key in ("c00", "c01")]


def test_an_empty_error_code_is_an_error() -> None:
    (answer,) = wire.batch_answers(batch(result_error={"c00": {"error": "", "error_description": "нет"}}), 1)
    assert answer.error == CallError("", "нет")
    assert not answer.succeeded


def test_a_call_that_no_map_mentions_is_neither_success_nor_failure() -> None:
    (answer,) = wire.batch_answers(batch(), 1)
    assert not answer.answered
    assert not answer.succeeded


def test_an_error_may_be_an_object() -> None:
    assert wire.error_in({"error": {"code": "X", "message": "y"}}) == CallError("X", "y")


def test_the_counter_is_read_with_the_time_of_its_reset() -> None:
    assert wire.meter(TIME) == wire.Meter(0.5, reset_at=1726476660, finish=1726476060.8)


@pytest.mark.parametrize("time", [None, [], {}, {"operating": None}, {"operating": "x"}, {"operating": -1}])
def test_an_absent_or_unusable_counter_is_none(time: Any) -> None:
    assert wire.meter(time) is None


def test_a_row_is_read_whole() -> None:
    row = {
        "ID": "66e412fdc9bd44.36306599",
        "MODIFIED": "2024-09-13T10:25:01+03:00",
        "OWNED_UNTIL": None,
        "MODULE_ID": "crm",
        "ENTITY": "CCrmDocumentLead",
        "DOCUMENT_ID": "LEAD_1",
        "STARTED": "2024-09-13T10:25:01+00:00",
        "STARTED_BY": "0",
        "TEMPLATE_ID": "212",
    }
    read = wire.instance(row)
    assert (read.template_id, read.started_by, read.owned_until) == (212, None, None)
    assert read.started == datetime(2024, 9, 13, 10, 25, 1, tzinfo=UTC)
    assert read.modified == datetime(2024, 9, 13, 7, 25, 1, tzinfo=UTC)
    assert not read.unreadable


def test_a_missing_or_senseless_field_is_named_unreadable() -> None:
    read = wire.instance({"ID": "x", "STARTED": "yesterday", "MODULE_ID": 5, "TEMPLATE_ID": "-1", "OWNED_UNTIL": "1"})
    assert read.unreadable == {
        *("started", "module", "template_id", "owned_until"),
        *("entity", "document_id", "started_by", "modified"),
    }


def test_a_time_without_an_offset_is_not_guessed() -> None:
    assert wire.instance({"ID": "x", "STARTED": "2024-09-13T10:25:01"}).started is None


@pytest.mark.parametrize("identity", [None, 5, "", 6.6, ["x"]])
def test_a_row_without_an_id_text_is_refused(identity: Any) -> None:
    with pytest.raises(wire.WireError):
        wire.instance({"ID": identity})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["result", "result_error", "result_time", "time", "error", "ID", "STARTED", "operating", "c00", "total"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_values_or_our_error(document: Any) -> None:
    for read in (
        lambda: wire.batch_answers(document, 2),
        lambda: wire.instances(document),
        lambda: wire.template(document),
    ):
        with suppress(wire.WireError):
            read()
    wire.error_in(document)
    wire.meter(document)
