"""The producer: all instances of a portal in ID order, in stretches, until none is left that could matter."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cleanup.model import Instance
from cleanup.portal.client import PAGES_AT_ONCE, Reader, pages_behind
from cleanup.portal.wire import is_regular


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one request listed. The bookmark is the ID behind which the listing goes on."""

    instances: tuple[Instance, ...]
    bookmark: str


def made_at(identity: str) -> datetime | None:
    """When an ID was made, at or before its instance's start; None for an ID of another shape."""
    if not is_regular(identity):
        return None
    return datetime.fromtimestamp(int(identity[:8], 16), UTC)


async def stretches(reader: Reader, bookmark: str, until: datetime) -> AsyncIterator[Stretch]:
    """The instances behind `bookmark` whose IDs were made up to `until`; a consumer keeps the bookmark of each.

    A short page alone is not taken for the end: the portal must answer a page behind it with nothing.
    """
    at_once = PAGES_AT_ONCE
    while True:
        instances = tuple(row for page in await reader.pages(bookmark, at_once) for row in page.instances)
        at_once = pages_behind(len(instances))
        wanted = _made_until(instances, until)
        if wanted:
            bookmark = wanted[-1].id
            yield Stretch(wanted, bookmark)
        if not instances or len(wanted) < len(instances):
            return


def _made_until(instances: tuple[Instance, ...], until: datetime) -> tuple[Instance, ...]:
    last = made_at(instances[-1].id) if instances else None
    if last is not None and last <= until:
        return instances  # IDs ascend, so what is before the last was made before it
    for index, instance in enumerate(instances):
        made = made_at(instance.id)
        if made is not None and made > until:
            return instances[:index]
    return instances
