"""Kill and terminate (PORTAL.md 7)."""

from collections.abc import Mapping
from typing import Any

from cleanup.sandbox.costs import cost
from cleanup.sandbox.errors import Crashed, RestError
from cleanup.sandbox.generations import KILL, TERMINATE
from cleanup.sandbox.php import Value, to_text, truthy, upper_keys
from cleanup.sandbox.portal import Call, Portal, Reply

ENDINGS = (KILL, TERMINATE)

_NOT_FOUND = {"ru": "Бизнес-процесс не найден", "en": "The business process is not found."}
_POISON = ("Empty root activity", "InvalidAttemptToLoad")
_WRONG_ID = "ERROR_WRONG_WORKFLOW_ID"


async def end(portal: Portal, call: Call) -> Reply:
    """Locks do not matter, the row goes, the second time it is not found."""
    require_administrator(portal)
    instance = _instance_id(portal, call)
    portal.ledger.asked[instance][call.method] += 1
    if instance not in portal.world:
        raise _missing(portal, instance)
    if instance in portal.faults.crash:
        raise Crashed
    await call.script.spend(_cost(portal, instance))
    if instance in portal.faults.poison:
        portal.ledger.poisoned += 1
        raise _poison(instance)
    _remove(portal, call.method, instance)
    if instance in portal.faults.vanishing:
        raise _poison(instance)
    return Reply(result=True)


def _remove(portal: Portal, method: str, instance: str) -> None:
    row = portal.world.remove(instance)
    if row is None:
        raise _missing(portal, instance)
    portal.ledger.ended(instance, method, portal.clock.time())
    portal.life.after_ending(row)
    portal.reached()


def _instance_id(portal: Portal, call: Call) -> str:
    value: Value = upper_keys(call.parameters).get("ID")
    if not truthy(value):
        raise RestError(_WRONG_ID, "Empty workflow instance ID")
    if isinstance(value, str):
        return value
    if call.method in portal.traits.checks_id:
        raise RestError(_WRONG_ID, "Invalid workflow instance ID (string expected)")
    if isinstance(value, dict):
        raise Crashed  # an uncaught TypeError
    return to_text(value)


def _missing(portal: Portal, instance: str) -> RestError:
    portal.ledger.missing(instance)
    return RestError("", _NOT_FOUND.get(portal.settings.language, _NOT_FOUND["en"]))


def _poison(instance: str) -> RestError:
    return RestError("", _POISON[sum(instance.encode()) % len(_POISON)])


def _cost(portal: Portal, instance: str) -> float:
    settings = portal.settings
    if settings.kill_cost is not None:
        return settings.kill_cost(instance)
    return cost(instance, mean=settings.kill_seconds, sigma=settings.kill_sigma, seed=settings.seed)


def require_administrator(portal: Portal) -> None:
    if not portal.faults.administrator:
        raise RestError("ACCESS_DENIED", "Access denied!", 403)


def commands(method: str, parameters: Mapping[str, Any]) -> list[str]:
    """What a request asks for: the commands of a batch, or the only method."""
    if method != "batch":
        return [method]
    found = upper_keys(dict(parameters)).get("CMD")
    return [to_text(command) for command in found.values()] if isinstance(found, dict) else []


def any_endings(asked: list[str]) -> bool:
    return any(command.lower().startswith(ENDINGS) for command in asked)
