"""The batch method: up to fifty commands, one after another, whose answers end up in five maps (PORTAL.md 1, 3.1)."""

from typing import Any

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.faults import NOTHING
from cleanup.sandbox.php import Value, parse_text, shape, to_text, truthy, upper_keys
from cleanup.sandbox.portal import Call, Portal, Reply
from cleanup.sandbox.references import resolve
from cleanup.sandbox.script import Script

LIMIT = 50
_NOT_ALLOWED = {"download", "upload"}
_TOO_MANY = RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
_NESTED = RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
_MAPS = {"result": "result", "error": "result_error", "total": "result_total", "next": "result_next"}

Maps = dict[str, dict[str, Any]]


async def batch(portal: Portal, call: Call) -> Reply:
    """One after another; a failed command only stops the rest when halt is on."""
    parameters = upper_keys(call.parameters)
    commands = parameters.get("CMD")
    halt = truthy(parameters.get("HALT"))
    mishap = NOTHING if call.inside_batch else call.script.mishap
    maps: Maps = {name: {} for name in ("result", "result_error", "result_total", "result_next", "result_time")}
    for count, (key, command) in enumerate(commands.items() if isinstance(commands, dict) else ()):
        if count in mishap.skipped or (count < LIMIT and _leaves_no_trace(portal, command)):
            continue
        answer = await _answer(portal, command, maps, call.script) if count < LIMIT else {"error": _TOO_MANY}
        if count not in mishap.unanswered:
            _file(answer, key, maps)
        if halt and "error" in answer:
            break
    return Reply({name: shape(answers) for name, answers in maps.items()})


def _leaves_no_trace(portal: Portal, command: Value) -> bool:
    return portal.traits.skips_commands and not isinstance(command, str)


async def _answer(portal: Portal, command: Value, maps: Maps, script: Script) -> dict[str, Any]:
    path, _, query = to_text(command).partition("#")[0].partition("?")
    method = path.lower()
    try:
        if method in _NOT_ALLOWED or (method == "batch" and not portal.traits.nested_batch):
            raise _NESTED
        parameters = resolve(parse_text(query), maps, numbers=portal.traits.embeds_numbers) if query else {}
        return await portal.answer(Call(method, parameters, script, inside_batch=True))
    except RestError as error:
        return {"error": error}


def _file(answer: dict[str, Any], key: str, maps: Maps) -> None:
    for name, value in answer.items():
        maps[_MAPS.get(name, f"result_{name}")][key] = value.answer() if isinstance(value, RestError) else value
