"""Rows of a list as far as they can be relied on (PORTAL.md 3): a filter or an order may be ignored silently."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cleanup.model import Instance
from cleanup.portal import wire
from cleanup.portal.errors import AnswerLost
from cleanup.portal.methods import INSTANCES, TEMPLATES
from cleanup.portal.wire import CallAnswer, CallError, Json


@dataclass(frozen=True, slots=True)
class Page:
    """One page of instances in ID order. `full`: more may follow."""

    instances: tuple[Instance, ...]

    @property
    def full(self) -> bool:
        return len(self.instances) >= wire.PAGE_SIZE


def looked_up(value: Json, asked: Iterable[str], portal: str) -> dict[str, Instance]:
    """The rows of a look-up by ID. Raises AnswerLost when the portal answered another question than was asked."""
    try:
        found = {row.id: row for row in wire.instances(value)}
    except wire.WireError as error:
        raise AnswerLost(f"{portal} answered {INSTANCES} in an unknown shape: {error}.") from error
    if not found.keys() <= set(asked):
        # PORTAL.md 3.2: a filter that the portal does not know is dropped silently, and the list is wider.
        raise AnswerLost(f"{portal} ignored the filter by ID of {INSTANCES}; its answer cannot be relied on.")
    return found


def templates(
    answers: Sequence[CallAnswer], after: int, value: Callable[[CallAnswer, str], Json]
) -> list[tuple[int, str]]:
    """IDs and names as far as the chain ascends, as for pages of instances. The first page must."""
    found: list[tuple[int, str]] = []
    for index, answer in enumerate(answers):
        if index and not answer.succeeded:
            break
        rows = _template_rows(value(answer, TEMPLATES))
        ids = [after, *(identity for identity, _ in rows)]
        if any(later <= earlier for earlier, later in pairwise(ids)):
            if index:
                break
            raise AnswerLost(f"{TEMPLATES} ignored its order or filter; such a list cannot be relied on.")
        found += rows
        if len(rows) < wire.PAGE_SIZE:
            break
        after = ids[-1]
    return found


def _template_rows(value: Json) -> list[tuple[int, str]]:
    if not isinstance(value, list):
        raise AnswerLost("The portal answered with something that is not a list of templates.")
    try:
        return [wire.template(row) for row in value]
    except wire.WireError as error:
        raise AnswerLost(f"{TEMPLATES} was answered in an unknown shape: {error}.") from error


def pages(answers: Sequence[CallAnswer], after: str, value: Callable[[CallAnswer, str], Json]) -> list[Page]:
    pages: list[Page] = []
    last = after
    for index, answer in enumerate(answers):
        if index and not answer.succeeded:
            break  # a link that failed ends the chain; the next request begins behind the last good one
        try:
            page = Page(tuple(wire.instances(value(answer, INSTANCES))))
        except wire.WireError as error:
            if index:
                break
            raise AnswerLost(f"{INSTANCES} was answered in an unknown shape: {error}.") from error
        if not _ascends(page, last):
            if index:
                break
            raise AnswerLost(f"{INSTANCES} ignored its order or filter; such a list cannot be relied on.")
        pages.append(page)
        if not page.full:
            break
        last = page.instances[-1].id
    return pages


def _ascends(page: Page, last: str) -> bool:
    for row in page.instances:
        if row.id <= last:
            return False
        last = row.id
    return True


def is_sql_error(error: CallError | None) -> bool:
    return error is not None and error.code == "ERROR_CORE"
