"""`$result[key][0][ID]` inside a batch command: an earlier sub-call's answer in place of a value (PORTAL.md 3.1)."""

import re
from collections.abc import Mapping
from typing import Any

from cleanup.sandbox.php import Parameters, Value

#: Up to a blank: everything to the last bracket of the word belongs to it.
_REFERENCE = re.compile(r"\$(result(?:_(?:error|total|next|time))?)(\[\S+\])")
_STEP = re.compile(r"\[([^\[\]]+)\]")

Maps = Mapping[str, dict[str, Any]]


def resolve(parameters: Parameters, maps: Maps, *, numbers: bool) -> Parameters:
    """The parameters with every reference replaced, in keys as well. `maps` are the batch's five so far.

    `numbers`: whether these are put into a longer text, too.
    """
    return {
        str(_resolve_text(key, maps, numbers=numbers)): _resolve(value, maps, numbers=numbers)
        for key, value in parameters.items()
    }


def _resolve(value: Value, maps: Maps, *, numbers: bool) -> Value:
    if isinstance(value, dict):
        return resolve(value, maps, numbers=numbers)
    return _resolve_text(value, maps, numbers=numbers) if isinstance(value, str) else value


def _resolve_text(text: str, maps: Maps, *, numbers: bool) -> Value:
    if "$result" not in text or (match := _REFERENCE.search(text)) is None:
        return text
    found = _deepest(maps[match[1]], _STEP.findall(match[2]))
    if match[0] == text:
        return _array(found)
    if isinstance(found, str) or (numbers and isinstance(found, int | float) and not isinstance(found, bool)):
        return text.replace(match[0], str(found))
    return text


def _deepest(value: Any, steps: list[str]) -> Any:
    """As far as the steps lead: a missing one, or one to null, gives what was found before it, not null."""
    for step in steps:
        inner = _inner(value, step)
        if inner is None:
            break
        value = inner
    return value


def _inner(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None


def _array(value: Any) -> Value:
    """An answer's lists as parameters have them."""
    if isinstance(value, list):
        return {str(index): _array(item) for index, item in enumerate(value)}
    if isinstance(value, dict):
        return {key: _array(item) for key, item in value.items()}
    plain: Value = value
    return plain
