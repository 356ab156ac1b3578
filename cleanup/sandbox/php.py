"""PHP's ways with values that a client can notice: parse_str, truth, int casts, the JSON it reads and writes.

Every PHP array is a dict with text keys here, as it arrives; only what is answered has lists.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

Value: TypeAlias = "bool | int | float | str | dict[str, Value] | None"
Parameters: TypeAlias = dict[str, Value]

MAX_INPUT_VARS = 1000


def parse_text(text: str, *, limit: int = MAX_INPUT_VARS) -> Parameters:
    """A query or form text as PHP's parse_str reads it; variables beyond `limit` are cut without a word."""
    pairs = (part.partition("=") for part in text.split("&") if part)
    return parse_pairs(((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs), limit=limit)


def parse_pairs(pairs: Iterable[tuple[str, str]], *, limit: int = MAX_INPUT_VARS) -> Parameters:
    """Decoded names and values as PHP registers them: brackets nest, `[]` appends, later ones win."""
    variables: Parameters = {}
    for count, (name, value) in enumerate(pairs):
        if count >= limit:
            break
        _register(variables, name, value)
    return variables


def _register(variables: Parameters, name: str, value: str) -> None:
    keys = _path(name.lstrip(" "))
    if not keys:
        return
    place = variables
    for key in keys[:-1]:
        key = key or _next_index(place)
        inner = place.get(key)
        if not isinstance(inner, dict):
            inner = place[key] = {}
        place = inner
    place[keys[-1] or _next_index(place)] = value


_TOP = str.maketrans(". [", "___")


@lru_cache(maxsize=4096)
def _path(name: str) -> tuple[str, ...]:
    """The keys of a variable's name. Text after a closed bracket that opens no other is lost, as in PHP."""
    top, bracket, rest = name.partition("[")
    if not top:
        return ()
    if not bracket or "]" not in rest:
        return (name.translate(_TOP),)
    keys = [top.translate(_TOP)]
    position = len(top)
    while position < len(name) and name[position] == "[":
        end = name.find("]", position)
        if end < 0:
            break
        keys.append(name[position + 1 : end])
        position = end + 1
    return tuple(keys)


def _next_index(array: Mapping[str, Value]) -> str:
    last = next(reversed(array), "") if isinstance(array, dict) else ""
    if last == str(len(array) - 1):
        return str(len(array))  # a plain list so far: the keys need not be searched
    return str(1 + max((int(key) for key in array if _INDEX.fullmatch(key)), default=-1))


_INDEX = re.compile(r"0|[1-9][0-9]*")


def read_json(text: str) -> Parameters:
    """A JSON body. Broken JSON, or anything but an object or a list, is no parameters at all (PORTAL.md 3.1)."""
    try:
        value = _arrays(json.loads(text))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _arrays(value: Any) -> Value:
    if isinstance(value, list):
        return {str(index): _arrays(item) for index, item in enumerate(value)}
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    checked: Value = value
    return checked


def truthy(value: Value) -> bool:
    """PHP's truth: "0" is false, "false" and "N" are true."""
    return bool(value) and value != "0"


_LEADING_INT = re.compile(r"\s*([+-]?\d+)")


def to_int(value: Value) -> int:
    """PHP's (int) cast: the leading digits of a text, 1 for a filled array."""
    if isinstance(value, str):
        match = _LEADING_INT.match(value)
        return int(match[1]) if match else 0
    if isinstance(value, dict):
        return 1 if value else 0
    return int(value or 0)


def to_text(value: Value) -> str:
    """PHP's (string) cast."""
    if isinstance(value, dict):
        return "Array"
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else str(value)


def upper_keys(parameters: Parameters) -> Parameters:
    """Keys upper-cased at the top level only; of two spellings the later one wins."""
    return {key.upper(): value for key, value in parameters.items()}


def shape(array: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """An array as PHP prints it in JSON: a list when its keys are exactly 0..n-1 in order, so `[]` when empty."""
    if all(key == str(index) for index, key in enumerate(array)):
        return list(array.values())
    return array


#: `"` is handled apart, because it also delimits texts. None of these occurs outside of a text.
_ESCAPES = {"<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "'": "\\u0027"}
_ESCAPED = re.compile(r"\\(.)")


def write_json(answer: object) -> bytes:
    """JSON as the portal prints it: `<>&'"` inside texts as \\u00XX, all other characters as they are."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    if '\\"' in text:
        text = _ESCAPED.sub(lambda match: "\\u0022" if match[1] == '"' else match[0], text)
    return text.encode("utf-8", "replace")


def number(value: float) -> int | float:
    """A float as PHP prints it: whole ones without a fraction."""
    return int(value) if value == int(value) else value
