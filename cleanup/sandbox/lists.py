"""The list methods: instances, templates, tasks, users."""

from collections.abc import Callable, Mapping
from typing import Any

from cleanup.sandbox.dates import read_date
from cleanup.sandbox.endings import require_administrator
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.generations import LEGACY
from cleanup.sandbox.ledger import Showing
from cleanup.sandbox.listing import Page, SelectError, Table, legacy_page, list_page
from cleanup.sandbox.office import TASK_COLUMNS, USER_COLUMNS, Rows
from cleanup.sandbox.php import Parameters, Value, upper_keys
from cleanup.sandbox.portal import Call, Portal, Reply
from cleanup.sandbox.rows import INSTANCE_COLUMNS, TEMPLATE_COLUMNS
from cleanup.sandbox.world import Templates

Pager = Callable[..., Page]
_ISO = "T"


async def instances(portal: Portal, call: Call) -> Reply:
    require_administrator(portal)
    table = Table(
        columns=INSTANCE_COLUMNS,
        default_select=("ID", "MODIFIED", "OWNED_UNTIL"),
        default_order=("MODIFIED", True),
        source=portal.world,
        grammar=portal.traits.grammar,
        checks_select=portal.traits.checks_select,
    )
    reply = await _paged(portal, call, table)
    _hide(reply.result, portal.world.hidden)
    _note_shown(portal, reply.result)
    return reply


def _hide(shown: list[dict[str, Any]], hidden: Mapping[str, frozenset[str]]) -> None:
    """Leaves out what was unreadable on the portal of which this one is a copy."""
    for fields in shown if hidden else ():
        for column in hidden.get(fields.get("ID", ""), ()):
            fields.pop(column, None)


def _note_shown(portal: Portal, shown: list[dict[str, Any]]) -> None:
    """A row of which only some fields were shown tells a client too little to judge it."""
    at = portal.clock.time()
    for fields in shown:
        row = portal.world.get(fields.get("ID", ""))
        if row is not None and len(fields) == len(INSTANCE_COLUMNS):
            portal.ledger.shown[row.id] = Showing(row, at)


async def templates(portal: Portal, call: Call) -> Reply:
    require_administrator(portal)
    table = Table(
        columns=TEMPLATE_COLUMNS,
        default_select=("ID",),
        default_order=("ID", False),
        source=Templates(portal.world.templates, hides_above=portal.traits.hides_above_automation),
        grammar=LEGACY,
    )
    return await _paged(portal, call, table)


async def _paged(portal: Portal, call: Call, table: Table) -> Reply:
    if call.start < 0 and not portal.traits.negative_start:
        raise RestError("ERROR_CORE", "SQL query error!", 500)
    page = await _page(portal, call, table, upper_keys(call.parameters), list_page)
    return Reply(page.rows, page.next, page.total)


async def tasks(portal: Portal, call: Call) -> Reply:
    """An administrator sees all, others their own (PORTAL.md 9)."""
    whose = None if portal.faults.administrator else portal.settings.user
    table = Table(
        columns=TASK_COLUMNS,
        default_select=("ID", "WORKFLOW_ID", "DOCUMENT_NAME", "NAME"),
        default_order=("ID", True),
        source=Rows(portal.office.tasks_of(whose)),
        grammar=LEGACY,
        always=("ENTITY", "DOCUMENT_ID", "DOCUMENT_URL"),
    )
    page = await _page(portal, call, table, upper_keys(call.parameters), legacy_page)
    return Reply(page.rows, page.next, page.total)


async def users(portal: Portal, call: Call) -> Reply:
    """The filter may lie flat among the parameters; an empty answer has neither total nor next (PORTAL.md 2, 9)."""
    table = Table(
        columns=USER_COLUMNS,
        default_select=tuple(USER_COLUMNS),
        default_order=("ID", False),
        source=Rows(portal.office.shown),
        grammar=LEGACY,
    )
    flat = upper_keys(call.parameters)
    query: Parameters = {"FILTER": flat | _map(flat.get("FILTER"))}
    page = await _page(portal, call, table, query, list_page)
    if not page.rows:
        return Reply([])
    return Reply(page.rows, page.next, page.total)


def _map(value: Value) -> Parameters:
    return value if isinstance(value, dict) else {}


async def _page(portal: Portal, call: Call, table: Table, query: Parameters, pager: Pager) -> Page:
    await call.script.spend(portal.settings.list_seconds)
    try:
        return pager(
            table,
            query,
            start=call.start,
            read_date=lambda name, text: _filter_date(portal, name, text),
            zone=portal.zone,
            random=portal.random,
        )
    except SelectError:
        raise RestError("ERROR_SELECT_VALIDATION_FAILURE", "Select items must be scalar") from None


def _filter_date(portal: Portal, name: str, text: str) -> int | None:
    """PORTAL.md 5: the owner's lead over the server is subtracted, although nothing had added it."""
    if name == "STARTED" and _ISO in text and not portal.traits.converts_started:
        return 0  # an ISO text that goes to the database as it is, and is misread there
    moment = read_date(text, now=int(portal.clock.time()), zone=portal.zone)
    user = portal.settings.user_offset
    return moment if moment is None or user is None else moment - (round(user * 3600) - portal.zone.offset)
