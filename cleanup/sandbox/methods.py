"""The methods that the sandbox knows, each as the portal has it."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cleanup.sandbox.batch import batch
from cleanup.sandbox.dates import read_date
from cleanup.sandbox.errors import Crashed, RestError
from cleanup.sandbox.listing import SelectError, Table, list_page
from cleanup.sandbox.php import Value, to_text, truthy, upper_keys
from cleanup.sandbox.portal import Call, Method, Portal, Reply
from cleanup.sandbox.rows import INSTANCE_COLUMNS, TEMPLATE_COLUMNS
from cleanup.sandbox.world import Templates

ENDINGS = ("bizproc.workflow.kill", "bizproc.workflow.terminate")

_NOT_FOUND = {"ru": "Бизнес-процесс не найден", "en": "The business process is not found."}
_POISON = ("Empty root activity", "InvalidAttemptToLoad")
_WRONG_ID = "ERROR_WRONG_WORKFLOW_ID"


async def _instances(portal: Portal, call: Call) -> Reply:
    table = Table(
        columns=INSTANCE_COLUMNS,
        default_select=("ID", "MODIFIED", "OWNED_UNTIL"),
        default_order=("MODIFIED", True),
        source=portal.world,
    )
    return await _list(portal, call, table)


async def _template_list(portal: Portal, call: Call) -> Reply:
    table = Table(
        columns=TEMPLATE_COLUMNS,
        default_select=("ID",),
        default_order=("ID", False),
        source=Templates(portal.world.templates),
    )
    return await _list(portal, call, table)


async def _list(portal: Portal, call: Call, table: Table) -> Reply:
    _require_administrator(portal)
    await call.script.spend(portal.settings.list_seconds)
    try:
        page = list_page(
            table,
            upper_keys(call.parameters),
            start=call.start,
            read_date=lambda text: _filter_date(portal, text),
            zone=portal.zone,
            random=portal.random,
        )
    except SelectError:
        raise RestError("ERROR_SELECT_VALIDATION_FAILURE", "Select items must be scalar") from None
    return Reply(page.rows, page.next, page.total)


def _filter_date(portal: Portal, text: str) -> int | None:
    """PORTAL.md 5: the owner's lead over the server is subtracted, although nothing had added it."""
    moment = read_date(text, now=int(portal.clock.time()), zone=portal.zone)
    user = portal.settings.user_offset
    return moment if moment is None or user is None else moment - (round(user * 3600) - portal.zone.offset)


async def _end(portal: Portal, call: Call) -> Reply:
    """Kill or terminate: locks do not matter, the row goes, the second time it is not found (PORTAL.md 7)."""
    _require_administrator(portal)
    instance = _instance_id(upper_keys(call.parameters).get("ID"))
    if instance not in portal.world:
        raise _missing(portal, instance)
    if instance in portal.faults.crash:
        raise Crashed
    await call.script.spend(_cost(portal, instance))
    if instance in portal.faults.poison:
        portal.ledger.poisoned += 1
        raise RestError("", _POISON[sum(instance.encode()) % len(_POISON)])
    if not portal.world.remove(instance):
        raise _missing(portal, instance)
    portal.ledger.ended(instance, call.method, portal.clock.time())
    return Reply(result=True)


def _instance_id(value: Value) -> str:
    if not truthy(value):
        raise RestError(_WRONG_ID, "Empty workflow instance ID")
    if not isinstance(value, str):
        raise RestError(_WRONG_ID, "Invalid workflow instance ID (string expected)")
    return value


def _missing(portal: Portal, instance: str) -> RestError:
    portal.ledger.missing(instance)
    return RestError("", _NOT_FOUND.get(portal.settings.language, _NOT_FOUND["en"]))


def _cost(portal: Portal, instance: str) -> float:
    settings = portal.settings
    if settings.kill_cost is not None:
        return settings.kill_cost(instance)
    if settings.kill_sigma <= 0 or settings.kill_seconds <= 0:
        return settings.kill_seconds
    return portal.random.lognormvariate(
        math.log(settings.kill_seconds) - settings.kill_sigma**2 / 2, settings.kill_sigma
    )


def _require_administrator(portal: Portal) -> None:
    if not portal.faults.administrator:
        raise RestError("ACCESS_DENIED", "Access denied!", 403)


async def _profile(portal: Portal, _call: Call) -> Reply:
    return Reply(
        {
            "ID": str(portal.settings.user),
            "ADMIN": portal.faults.administrator,
            "NAME": "Анна",
            "LAST_NAME": "Соколова",
            "PERSONAL_GENDER": "",
            "TIME_ZONE": _zone_name(portal.settings.user_offset),
        }
    )


def _zone_name(offset: float | None) -> str:
    """The owner's zone by name, empty when it is the server's. The names of fixed zones have the sign turned round."""
    return "" if offset is None else f"Etc/GMT{-round(offset):+d}"


async def _app_info(portal: Portal, _call: Call) -> Reply:
    return Reply({"SCOPE": list(portal.faults.scopes), "LICENSE": portal.settings.licence})


async def _scope(portal: Portal, _call: Call) -> Reply:
    return Reply(list(portal.faults.scopes))


async def _method_get(portal: Portal, call: Call) -> Reply:
    method = portal.method(to_text(call.parameters.get("name")))
    return Reply({"isExisting": method is not None, "isAvailable": method is not None and portal.allows(method)})


async def _server_time(portal: Portal, _call: Call) -> Reply:
    return Reply(portal.zone.iso(int(portal.clock.time())))


async def _user_admin(portal: Portal, _call: Call) -> Reply:
    return Reply(portal.faults.administrator)


def contains_endings(method: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a request asks to end anything, alone or in a batch."""
    if method != "batch":
        return method in ENDINGS
    commands = upper_keys(dict(parameters)).get("CMD")
    texts = commands.values() if isinstance(commands, dict) else ()
    return any(isinstance(text, str) and text.lower().startswith(ENDINGS) for text in texts)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "batch": Method(None, batch),
        "bizproc.workflow.instances": Method("bizproc", _instances),
        "bizproc.workflow.instance.list": Method("bizproc", _instances),
        "bizproc.workflow.kill": Method("bizproc", _end),
        "bizproc.workflow.terminate": Method("bizproc", _end),
        "bizproc.workflow.template.list": Method("bizproc", _template_list),
        "profile": Method(None, _profile),
        "app.info": Method(None, _app_info),
        "scope": Method(None, _scope),
        "method.get": Method(None, _method_get),
        "server.time": Method(None, _server_time),
        "user.admin": Method(None, _user_admin),
    }
)
