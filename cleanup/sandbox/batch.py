"""The batch method: up to fifty commands, one after another, whose answers end up in five maps (PORTAL.md 1, 3.1)."""

from typing import Any

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.php import parse_text, shape, truthy, upper_keys
from cleanup.sandbox.portal import Call, Portal, Reply
from cleanup.sandbox.references import resolve
from cleanup.sandbox.script import Script

LIMIT = 50
_NOT_ALLOWED = {"batch", "download", "upload"}
_TOO_MANY = RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
_NESTED = RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
_MAPS = {"result": "result", "error": "result_error", "total": "result_total", "next": "result_next"}

Maps = dict[str, dict[str, Any]]


async def batch(portal: Portal, call: Call) -> Reply:
    """A command that is not a text leaves no trace; a failed one only stops the rest when halt is on."""
    parameters = upper_keys(call.parameters)
    commands = parameters.get("CMD")
    halt = truthy(parameters.get("HALT"))
    maps: Maps = {name: {} for name in ("result", "result_error", "result_total", "result_next", "result_time")}
    for count, (key, command) in enumerate(commands.items() if isinstance(commands, dict) else ()):
        if count < LIMIT and not isinstance(command, str):
            continue
        answer = await _answer(portal, str(command), maps, call.script) if count < LIMIT else {"error": _TOO_MANY}
        _file(answer, key, maps)
        if halt and "error" in answer:
            break
    return Reply({name: shape(answers) for name, answers in maps.items()})


async def _answer(portal: Portal, command: str, maps: Maps, script: Script) -> dict[str, Any]:
    path, _, query = command.partition("#")[0].partition("?")
    method = path.lower()
    try:
        if method in _NOT_ALLOWED:
            raise _NESTED
        parameters = resolve(parse_text(query), maps) if query else {}
        return await portal.answer(Call(method, parameters, script, inside_batch=True))
    except RestError as error:
        return {"error": error}


def _file(answer: dict[str, Any], key: str, maps: Maps) -> None:
    for name, value in answer.items():
        maps[_MAPS.get(name, f"result_{name}")][key] = value.answer() if isinstance(value, RestError) else value
