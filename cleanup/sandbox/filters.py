"""What a FILTER means: conditions on rows, and the bounds that they put on the first column.

Unknown operations and unknown fields are dropped without a word, as on the portal: the list becomes wider.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cleanup.sandbox.generations import Grammar
from cleanup.sandbox.like import Matcher, is_plain, like
from cleanup.sandbox.php import Value, to_int, to_text
from cleanup.sandbox.rows import Column, Columns, Kind

Test = Callable[[Any], bool]
#: Reads a date filter's field and text: seconds since 1970, or None when it is empty or unreadable.
ReadDate = Callable[[str, str], int | None]
#: What a switch takes for no.
_OFF = {"", "0", "N", "FALSE"}

#: Everything else (`@`, `%`, `~`, `><`, LOGIC) fails to match and is dropped in every generation (PORTAL.md 3.2).
_KEY = re.compile(r"(?P<operation><=|>=|!=|<|>|=|!|)(?P<name>[A-Za-z_]+)")
_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(slots=True)
class Filter:
    """The conditions of a list. The ID's bounds narrow what is looked at; the conditions decide."""

    tests: list[tuple[int, Test]] = field(default_factory=list)
    #: IDs below or above these cannot match. None: no bound.
    lowest: str | None = None
    highest: str | None = None
    #: Only these IDs can match. None: any.
    ids: set[str] | None = None

    def accepts(self, row: Sequence[Any]) -> bool:
        for place, test in self.tests:  # noqa: SIM110 - all() costs a generator for each row of a scan
            if not test(row[place]):
                return False
        return True


def compile_filter(conditions: Value, columns: Columns, grammar: Grammar, read_date: ReadDate) -> Filter:
    compiled = Filter()
    for key, value in conditions.items() if isinstance(conditions, dict) else ():
        operation, name = _key(key, grammar)
        column = columns.get(name)
        if column is None or column.kind is Kind.ARRAY:
            continue
        values = _values(value)
        likened = operation if grammar.bare_is_like else _EXACT.get(operation, operation)
        compiled.tests.append((column.place, _test(name, column, likened, values, read_date)))
        if name == "ID" and column.kind is Kind.TEXT:
            _narrow(compiled, operation, values)
    return compiled


def _key(key: str, grammar: Grammar) -> tuple[str, str]:
    """Operation and field of a key; no field where it does not fit."""
    match = _KEY.fullmatch(key)
    if match is None or match["operation"] not in grammar.operations:
        return "", ""
    return match["operation"], match["name"].upper() if grammar.any_case else match["name"]


_EXACT = {"": "=", "!": "!="}


def _values(value: Value) -> list[str]:
    items = value.values() if isinstance(value, dict) else (value,)
    return [to_text(item) for item in items]


def _narrow(compiled: Filter, operation: str, values: list[str]) -> None:
    folded = [value.lower() for value in values]
    if not folded:
        compiled.ids = set()
    elif operation in {">", ">="}:
        compiled.lowest = max(compiled.lowest or "", folded[0])
    elif operation in {"<", "<="}:
        compiled.highest = folded[0] if compiled.highest is None else min(compiled.highest, folded[0])
    elif operation == "=" or (operation == "" and all(map(is_plain, folded))):
        compiled.ids = set(folded) if compiled.ids is None else compiled.ids & set(folded)


def _test(name: str, column: Column, operation: str, values: list[str], read_date: ReadDate) -> Test:
    if not values:
        return _never
    if column.kind is Kind.DATE:
        return _date_test(operation, [read_date(name, value) for value in values])
    if column.kind is Kind.SWITCH:
        return _number_test(operation, [value.upper() not in _OFF for value in values])
    if column.kind is Kind.NUMBER:
        return _number_test(operation, [to_int(value) for value in values])
    return _text_test(operation, values)


def _never(_value: Any) -> bool:
    return False


def _text_test(operation: str, values: list[str]) -> Test:
    if compare := _COMPARISONS.get(operation):
        bound = values[0].lower()
        return lambda text: text is not None and compare(text.lower(), bound)
    if all(values) and ("=" in operation or all(map(is_plain, values))):  # the many IDs of a look-up, mostly
        wanted = {value.lower() for value in values}
        if operation.startswith("!"):
            return lambda text: (text or "").lower() not in wanted
        return lambda text: (text or "").lower() in wanted
    matchers = [_text_matcher(value, exact="=" in operation) for value in values]
    if operation.startswith("!"):
        return lambda text: not any(matches(text or "") for matches in matchers)
    return lambda text: any(matches(text or "") for matches in matchers)


def _text_matcher(value: str, *, exact: bool) -> Matcher:
    """An empty value means "empty or null" for texts, as 0 does for numbers."""
    if exact:
        folded = value.lower()
        return lambda text: text.lower() == folded
    return like(value)


def _number_test(operation: str, values: Sequence[int]) -> Test:
    if compare := _COMPARISONS.get(operation):
        bound = values[0]
        return lambda number: number is not None and compare(number, bound)
    wanted = set(values)
    if operation.startswith("!"):
        return lambda number: (number or 0) not in wanted
    return lambda number: (number or 0) in wanted


def _date_test(operation: str, values: list[int | None]) -> Test:
    """PORTAL.md 5: an empty or unreadable date asks for null, and leaves nothing to compare with."""
    if compare := _COMPARISONS.get(operation):
        bound = values[0]
        if bound is None:
            return _never
        return lambda moment: moment is not None and compare(moment, bound)
    wanted = set(values)
    if operation.startswith("!"):
        return lambda moment: moment not in wanted
    return lambda moment: moment in wanted
