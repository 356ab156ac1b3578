"""The lists of documents: crm.item.list and tasks.task.list.

As the official documentation has them (api-reference): crm/universal/crm-item-list.md, tasks/tasks-task-list.md.
Only the ID is known of an element, so only the ID can be filtered and ordered by.
"""

import operator
import re
from collections.abc import Iterable
from typing import Any

from cleanup.sandbox.documents import TASK
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.php import Parameters, Value, to_int, to_text, upper_keys
from cleanup.sandbox.portal import Call, Portal, Reply

_CONDITION = re.compile(r"(?P<operation>>=|<=|!@|!=|@|>|<|=|!|)(?P<name>\w+)")
_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PAGE = 50


async def items(portal: Portal, call: Call) -> Reply:
    await call.script.spend(portal.settings.list_seconds)
    kind = to_int(call.parameters.get("entityTypeId"))
    if kind not in portal.documents.types:
        raise RestError("NOT_FOUND", "Смарт-процесс не найден", 400)
    found = _listed(portal.documents.existing[kind], call.parameters, strict=True)
    return _reply(call, "items", [{"id": number} for number in found])


async def tasks(portal: Portal, call: Call) -> Reply:
    """Numbers are texts here; a filter that is not known is no error."""
    await call.script.spend(portal.settings.list_seconds)
    query = {name.lower(): value for name, value in call.parameters.items()}
    found = _listed(portal.documents.existing[TASK], query, strict=False)
    return _reply(call, "tasks", [{"id": str(number)} for number in found])


def _listed(numbers: Iterable[int], query: Parameters, *, strict: bool) -> list[int]:
    conditions = query.get("filter")
    found = sorted(numbers)
    for key, value in conditions.items() if isinstance(conditions, dict) else ():
        match = _CONDITION.fullmatch(key)
        if match is None or match["name"].upper() != "ID" or (not strict and "@" in match["operation"]):
            if strict:
                raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{key}' is not allowed in filter", 400)
            continue
        found = [number for number in found if _fits(number, match["operation"], value)]
    order = query.get("order")
    way = upper_keys(order).get("ID") if isinstance(order, dict) else None
    return found[::-1] if to_text(way).upper() == "DESC" else found


def _fits(number: int, operation: str, value: Value) -> bool:
    values = [to_int(item) for item in (value.values() if isinstance(value, dict) else (value,))]
    if compare := _COMPARISONS.get(operation):
        return bool(values) and compare(number, values[0])
    return (number in values) is not operation.startswith("!")


def _reply(call: Call, key: str, rows: list[dict[str, Any]]) -> Reply:
    start = max(0, call.start)
    page, following = rows[start : start + _PAGE], start + _PAGE
    return Reply({key: page}, following if following < len(rows) else None, len(rows))
