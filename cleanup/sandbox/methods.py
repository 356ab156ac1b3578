"""The methods that the sandbox knows. The probes are here; lists, endings and batches have files of their own."""

from collections.abc import Mapping
from types import MappingProxyType

from cleanup.sandbox import document_lists, lists
from cleanup.sandbox.batch import batch
from cleanup.sandbox.endings import end
from cleanup.sandbox.generations import KILL, TERMINATE
from cleanup.sandbox.php import to_text
from cleanup.sandbox.portal import BIZPROC, Call, Method, Portal, Reply

_USERS = frozenset({"user", "user_basic", "user_brief"})


async def _profile(portal: Portal, _call: Call) -> Reply:
    profile = {
        "ID": str(portal.settings.user),
        "ADMIN": portal.faults.administrator,
        "NAME": "Анна",
        "LAST_NAME": "Соколова",
        "PERSONAL_GENDER": "",
        "TIME_ZONE": _zone_name(portal.settings.user_offset),
    }
    return Reply(profile | (_zone_offset(portal) if portal.traits.zone_offset_in_profile else {}))


def _zone_name(offset: float | None) -> str:
    """The owner's zone by name, empty when it is the server's. The names of fixed zones have the sign turned round."""
    return "" if offset is None else f"Etc/GMT{-round(offset):+d}"


def _zone_offset(portal: Portal) -> dict[str, int]:
    """Seconds that the owner's zone is ahead of the server's."""
    user = portal.settings.user_offset
    return {"TIME_ZONE_OFFSET": 0 if user is None else round(user * 3600) - portal.zone.offset}


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


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "batch": Method(None, batch),
        "bizproc.workflow.instances": Method(BIZPROC, lists.instances),
        "bizproc.workflow.instance.list": Method(BIZPROC, lists.instances),
        KILL: Method(BIZPROC, end),
        TERMINATE: Method(BIZPROC, end),
        "bizproc.workflow.template.list": Method(BIZPROC, lists.templates),
        "bizproc.task.list": Method(BIZPROC, lists.tasks),
        "user.get": Method(_USERS, lists.users),
        "crm.item.list": Method(frozenset({"crm"}), document_lists.items),
        "tasks.task.list": Method(frozenset({"task", "tasks"}), document_lists.tasks),
        "profile": Method(None, _profile),
        "app.info": Method(None, _app_info),
        "scope": Method(None, _scope),
        "method.get": Method(None, _method_get),
        "server.time": Method(None, _server_time),
        "user.admin": Method(None, _user_admin),
    }
)
