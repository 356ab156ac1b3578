"""PHP's ways with values: PORTAL.md 1 and 3.1."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.sandbox.dates import Zone, read_date
from cleanup.sandbox.like import like
from cleanup.sandbox.php import number, parse_text, read_json, shape, to_int, truthy, write_json

NAMES = st.text(st.characters(codec="utf-8", exclude_characters=". []\x00"), min_size=1)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.text(st.characters(codec="utf-8")),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def written(value: Any, name: str) -> list[str]:
    if isinstance(value, dict):
        return [part for key, item in value.items() for part in written(item, f"{name}[{quote(key)}]")]
    return [f"{name}={quote(value)}"]


@given(st.dictionaries(NAMES, TREES, max_size=3))
def test_what_was_written_with_brackets_is_read_back(tree: dict[str, Any]) -> None:
    text = "&".join(part for key, item in tree.items() for part in written(item, quote(key)))
    assert parse_text(text, limit=10_000) == tree


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("a=1&a=2", {"a": "2"}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[][b]=1&a[][b]=2", {"a": {"0": {"b": "1"}, "1": {"b": "2"}}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("a.b=1&c d=2&e+f=3", {"a_b": "1", "c_d": "2", "e_f": "3"}),
        ("a[b.c]=1", {"a": {"b.c": "1"}}),
        ("a[b=1", {"a_b": "1"}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("f[>ID]=x&f[!A]=", {"f": {">ID": "x", "!A": ""}}),
        ("a&b=&=c&&[x]=1", {"a": "", "b": ""}),
        ("a=1%2B2+3", {"a": "1+2 3"}),
    ],
    ids=str,
)
def test_a_query_is_read_as_php_reads_it(text: str, parameters: dict[str, Any]) -> None:
    assert parse_text(text) == parameters


def test_variables_beyond_the_limit_are_cut() -> None:
    assert len(parse_text("&".join(f"a{place}=1" for place in range(1200)))) == 1000


@pytest.mark.parametrize("text", ["", "{", "nul", '{"a": 1', '"a"', "5", "null"])
def test_json_that_is_broken_or_no_array_is_no_parameters(text: str) -> None:
    assert read_json(text) == {}


def test_lists_of_json_are_arrays_with_numbered_keys() -> None:
    assert read_json('{"a": [1, [true]], "b": {}}') == {"a": {"0": 1, "1": {"0": True}}, "b": {}}


@given(st.dictionaries(st.one_of(st.text(max_size=2), st.integers(0, 4).map(str)), st.integers()))
def test_an_array_is_a_list_exactly_when_its_keys_count_from_zero(array: dict[str, int]) -> None:
    counts = list(array) == [str(index) for index in range(len(array))]
    assert shape(array) == (list(array.values()) if counts else array)


@given(
    st.recursive(st.text(st.characters(codec="utf-8")), lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner))
)
def test_escaped_json_says_the_same_and_has_no_markup_in_texts(value: object) -> None:
    body = write_json(value)
    assert json.loads(body) == value
    assert not set(b"<>&'") & set(body)
    assert b'\\"' not in body.replace(b"\\\\", b"")


@pytest.mark.parametrize("value", ["false", "N", "0.0", " ", 1, -1, {"0": "a"}], ids=repr)
def test_these_are_true_in_php(value: Any) -> None:
    assert truthy(value)


@pytest.mark.parametrize("value", ["", "0", 0, 0.0, False, None, {}], ids=repr)
def test_these_are_false_in_php(value: Any) -> None:
    assert not truthy(value)


@pytest.mark.parametrize(
    ("value", "cast"),
    [("12abc", 12), ("abc", 0), (" -1", -1), ("", 0), (None, 0), (True, 1), (2.9, 2), ({}, 0), ({"0": "x"}, 1)],
    ids=repr,
)
def test_a_value_is_cast_to(value: Any, cast: int) -> None:
    assert to_int(value) == cast


def test_whole_floats_print_without_a_fraction() -> None:
    assert [json.dumps(number(value)) for value in (0.0, 2.0, 2.5)] == ["0", "2", "2.5"]


@given(st.text(), st.text())
def test_like_without_wildcards_is_equality_without_case(pattern: str, text: str) -> None:
    if not set(pattern) & set("_%\\"):
        assert like(pattern)(text) == (pattern.lower() == text.lower())
    assert like("%" + pattern.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))(text + pattern)


@given(st.integers(0, 4_000_000_000), st.sampled_from([-34_200, 0, 10_800, 20_700]))
def test_a_printed_date_is_read_back(moment: int, offset: int) -> None:
    zone = Zone(offset)
    assert read_date(zone.iso(moment), now=0, zone=Zone(0)) == moment
    assert read_date(zone.iso(moment)[:19], now=0, zone=zone) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [("now", 1000), ("-1 hour", -2600), ("2 minutes ago", 880), ("today", 0), ("2024-02-30", None), ("soon", None)],
)
def test_a_word_for_a_date_is_read(text: str, moment: int | None) -> None:
    assert read_date(text, now=1000, zone=Zone(0)) == moment
