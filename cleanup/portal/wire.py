"""The portal's JSON and our values, both ways. No sockets here: values in, values out.

Sources: PORTAL.md 1 (envelopes), 3.1 (how a batch reads its commands), 4 (errors), 6 (fields).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote

from cleanup.model import Instance

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
#: Parameters of a call: texts and numbers, lists and maps of them, as PHP would parse them.
Parameter: TypeAlias = "str | int | Sequence[Parameter] | Mapping[str, Parameter]"

BATCH_LIMIT = 50
#: Characters of a name or of an error's text; longer ones are cut.
_LONGEST_TEXT = 1000
PAGE_SIZE = 50
FIELDS = (
    "ID",
    "MODIFIED",
    "OWNED_UNTIL",
    "MODULE_ID",
    "ENTITY",
    "DOCUMENT_ID",
    "STARTED",
    "STARTED_BY",
    "TEMPLATE_ID",
)


#: PORTAL.md 6: 8 hex digits of unix seconds, 5 of microseconds, a digit, a dot, 8 digits. A hint, not a check.
_REGULAR_ID = re.compile(r"[0-9a-f]{13}\d\.\d{8}", re.ASCII)

#: What stands for itself in a query, as most names and IDs do.
_PLAIN = re.compile(r"[0-9A-Za-z_.$\[\]-]*", re.ASCII)


def is_regular(identity: str) -> bool:
    """Whether an instance's ID has the usual shape, in which it tells when it was made."""
    return _REGULAR_ID.fullmatch(identity) is not None


class WireError(ValueError):
    """The portal's answer does not have the documented shape."""


@dataclass(frozen=True, slots=True)
class Call:
    """One method call, alone or as a command of a batch."""

    method: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Meter:
    """What one `time` block says about a method's operating counter."""

    #: Seconds of server time used in the sliding window; accumulated, so never to be summed.
    operating: float
    #: On the portal's clock, unix seconds: when the oldest part leaves the window, and when this call was answered.
    reset_at: float | None
    finish: float | None


@dataclass(frozen=True, slots=True)
class CallError:
    """An error code and text. The code may be empty: kill and terminate raise so."""

    code: str
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.code, self.text) if part) or "an error without code or text"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswer:
    """What became of one call. Neither value nor error: the portal did not mention it, so it is unknown."""

    value: Json = None
    error: CallError | None = None
    answered: bool = False
    total: int | None = None
    meter: Meter | None = None
    #: The portal has a counter for it, but tells null for what it shows.
    hides_meter: bool = False

    @property
    def succeeded(self) -> bool:
        return self.answered and self.error is None


def batch_body(calls: Sequence[Call]) -> dict[str, Json]:
    """The body of a `batch` request, at most 50 calls. Keys are lettered: PHP would turn "0".."49" into lists."""
    if not 1 <= len(calls) <= BATCH_LIMIT:
        raise ValueError(f"a batch holds 1 to {BATCH_LIMIT} calls, not {len(calls)}")
    return {"halt": 0, "cmd": {_key(index): command(call) for index, call in enumerate(calls)}}


def reference(index: int, *path: str) -> str:
    """A `$result[..]` reference to a value in the answer of an earlier call of the same batch."""
    return f"$result[{_key(index)}]" + "".join(f"[{step}]" for step in path)


def command(call: Call) -> str:
    """`method?query`, encoded once: right inside a JSON body (PORTAL.md 3.1)."""
    pairs = (f"{_quoted(name)}={_quoted(value)}" for name, value in _flat(call.parameters))
    return f"{call.method}?{'&'.join(pairs)}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe="$[]")


def _key(index: int) -> str:
    return f"c{index:02d}"


def _flat(parameters: Mapping[str, Parameter]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        yield from _flat_value(name, value)


def _flat_value(name: str, value: Parameter) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat_value(f"{name}[{key}]", inner)
    elif isinstance(value, str | int):
        yield name, str(value)
    else:
        for inner in value:
            yield from _flat_value(f"{name}[]", inner)


def error_in(document: Json) -> CallError | None:
    """The error that an answer holds, at its top: a code, or an object as in REST v3."""
    if not isinstance(document, dict) or "error" not in document:
        return None
    told = document["error"]
    if isinstance(told, dict):
        return CallError(text(told.get("code")), text(told.get("message")))
    return CallError(text(told), text(document.get("error_description")))


def call_answer(document: Json) -> CallAnswer:
    """The answer to a single call. Raises WireError."""
    if error := error_in(document):
        return CallAnswer(error=error, answered=True)
    if not isinstance(document, dict) or "result" not in document:
        raise WireError("there is no `result` in it")
    return CallAnswer(
        value=document["result"],
        answered=True,
        total=whole(document.get("total")),
        meter=meter(document.get("time")),
        hides_meter=hides_meter(document.get("time")),
    )


def batch_answers(document: Json, count: int) -> list[CallAnswer]:
    """The answers to the calls of a batch, in the order sent. Raises WireError.

    Each of the five maps may come as `[]`, a list or an object, independently (PORTAL.md 1).
    """
    outer = call_answer(document).value
    if not isinstance(outer, dict) or "result" not in outer:
        raise WireError("there is no inner `result` in the batch")
    names = ("result", "result_error", "result_total", "result_time")
    maps = {name: _by_key(outer.get(name)) for name in names}
    return [_inner_answer(maps, _key(index)) for index in range(count)]


def _inner_answer(maps: Mapping[str, Mapping[str, Json]], key: str) -> CallAnswer:
    if key in maps["result_error"]:
        raw = maps["result_error"][key]
        error = error_in(raw) or CallError("", text(raw))
        return CallAnswer(error=error, answered=True)
    if key not in maps["result"]:
        return CallAnswer()
    return CallAnswer(
        value=maps["result"][key],
        answered=True,
        total=whole(maps["result_total"].get(key)),
        meter=meter(maps["result_time"].get(key)),
    )


def hides_meter(time: Json) -> bool:
    """Whether a `time` block has the place for a counter and nothing in it."""
    return isinstance(time, dict) and "operating" in time and time["operating"] is None


def _by_key(value: Json) -> Mapping[str, Json]:
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    if value is None:
        return {}
    raise WireError("a map of the batch is neither an object nor a list")


def meter(time: Json) -> Meter | None:
    """The operating counter of a `time` block; None where it is absent or null, as on a box without the limiter."""
    if not isinstance(time, dict):
        return None
    operating = _number(time.get("operating"))
    if operating is None:
        return None
    return Meter(operating, _number(time.get("operating_reset_at")), _number(time.get("finish")))


def instances(value: Json) -> list[Instance]:
    """The rows of a page of bizproc.workflow.instances, in the portal's order. Raises WireError."""
    if not isinstance(value, list):
        raise WireError("a page of instances is not a list")
    return [instance(row) for row in value]


def instance(row: Json) -> Instance:
    """One row. Only a row without a usable ID raises WireError: other faults become `unreadable` fields."""
    identity = row.get("ID") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(identity, str) or not identity or not _is_storable(identity):
        raise WireError("a row of instances has no ID text")
    unreadable: list[str] = []
    return Instance(
        id=identity,
        template_id=_number_of(row, "TEMPLATE_ID", "template_id", unreadable),
        module=_text_of(row, "MODULE_ID", "module", unreadable),
        entity=_text_of(row, "ENTITY", "entity", unreadable),
        document_id=_text_of(row, "DOCUMENT_ID", "document_id", unreadable),
        started=_moment_of(row, "STARTED", "started", unreadable),
        started_by=_number_of(row, "STARTED_BY", "started_by", unreadable),
        modified=_moment_of(row, "MODIFIED", "modified", unreadable),
        owned_until=_moment_of(row, "OWNED_UNTIL", "owned_until", unreadable),
        unreadable=frozenset(unreadable),
    )


# A row's fields, eight times a million: plain functions of the row, which note the names of what they cannot read.
#: In place of a key that is missing: no reader takes a map for a value.
_MISSING: Json = {}


def _text_of(row: Mapping[str, Json], key: str, name: str, unreadable: list[str]) -> str | None:
    value = row.get(key, _MISSING)
    if isinstance(value, str) and _is_storable(value):
        return value or None
    if value is not None:
        unreadable.append(name)
    return None


def _number_of(row: Mapping[str, Json], key: str, name: str, unreadable: list[str]) -> int | None:
    value = row.get(key, _MISSING)
    if value is None or value == "":
        return None
    number = whole(value)
    if number is None or number < 0:
        unreadable.append(name)
        return None
    return number or None  # PORTAL.md 6: "0" stands for unknown


def _moment_of(row: Mapping[str, Json], key: str, name: str, unreadable: list[str]) -> datetime | None:
    value = row.get(key, _MISSING)
    if value is None or value == "":
        return None
    parsed = moment(value)
    if parsed is None:
        unreadable.append(name)
    return parsed


def moment(value: Json) -> datetime | None:
    """An ISO 8601 time with an offset, as UTC; None for anything else, a naive time too."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return None if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def template(row: Json) -> tuple[int, str]:
    """ID and name of a row of bizproc.workflow.template.list. Raises WireError."""
    identity = whole(row.get("ID")) if isinstance(row, dict) else None
    if not isinstance(row, dict) or identity is None:
        raise WireError("a row of templates has no ID")
    return identity, text(row.get("NAME"))


def text(value: Json) -> str:
    """A text for people, of bounded length, that every file and terminal takes; "" for none."""
    if isinstance(value, dict | list):
        return "(something that is no text)"  # however deep it is
    shown = value if isinstance(value, str) else "" if value is None else str(value)
    return shown[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


def _is_storable(value: str) -> bool:
    """JSON may hold halves of surrogate pairs, which are no text anywhere else."""
    return value.isascii() or value.encode("utf-8", "ignore").decode() == value


def whole(value: Json) -> int | None:
    """A whole number, or a text of its digits; None for anything else."""
    if isinstance(value, str):
        return int(value) if len(value) <= 18 and value.isascii() and value.removeprefix("-").isdigit() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 10**18 else None  # as many digits as in a text, and as SQLite takes
    return None


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < float("inf") else None
