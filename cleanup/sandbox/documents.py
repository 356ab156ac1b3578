"""The documents that instances work on, as far as they can be listed: CRM elements and tasks, some of them deleted."""

import re
from collections import defaultdict
from random import Random

from cleanup.sandbox.world import World

TASK = 0
#: By what stands before the number of a document: api-reference/crm/data-types.md, object types.
_KINDS = {"LEAD": 1, "DEAL": 2, "CONTACT": 3, "COMPANY": 4, "QUOTE": 7, "SMART_INVOICE": 31}
_DOCUMENT = re.compile(r"(?:DYNAMIC_(?P<type>[0-9]+)|(?P<name>[A-Z_]+))_(?P<number>[0-9]+)")
_TASKS = "Bitrix\\Tasks\\Integration\\Bizproc\\Document\\Task"


class Documents:
    """What exists, by entityTypeId, 0 for tasks."""

    def __init__(self, world: World, gone: float, *, seed: int, empty: bool) -> None:
        self.existing: defaultdict[int, set[int]] = defaultdict(set)
        random = Random(f"documents {seed}")
        found = {key: None for row in world.population if (key := document(row.module, row.entity, row.document_id))}
        for kind, number in () if empty else found:
            if random.random() >= gone:
                self.existing[kind].add(number)
        #: Types that the portal knows; the others are refused.
        self.types = {*_KINDS.values(), *(kind for kind, _ in found if kind)}


def document(module: str | None, entity: str, document_id: str) -> tuple[int, int] | None:
    """Type and number of a document that the two lists can show."""
    if module == "tasks" and entity == _TASKS:
        return TASK, int(document_id)
    match = _DOCUMENT.fullmatch(document_id) if module == "crm" else None
    if match is None:
        return None
    kind = int(match["type"]) if match["type"] else _KINDS.get(match["name"])
    return None if kind is None else (kind, int(match["number"]))
