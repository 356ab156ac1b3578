"""The JSON Schema (2020-12) of rules files, for editors: from the same vocabulary and bounds that the loader uses.

It says yes to all that the loader takes. It cannot say no to all that the loader refuses: notes/schema.md has the list.
"""

from collections.abc import Iterable
from typing import Any

from cleanup.config import scalars, vocabulary
from cleanup.config.examples import STANDINGS, UNREADABLE, WORDS
from cleanup.config.matches import DYNAMIC, LONGEST_PATTERN, MOST_KEPT
from cleanup.config.vocabulary import Keys
from cleanup.model import Action
from cleanup.rules import DOCUMENT_TYPES

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_MATCH: Schema = {"$ref": "#/$defs/match"}
_DURATION: Schema = {"type": "string", "pattern": rf"^\s*{scalars.DURATION.pattern}\s*$", "examples": ["90d", "1d12h"]}
_MOMENT: Schema = {"type": "string", "minLength": 8, "examples": ["2026-01-31", "2026-01-31T22:00:00+03:00"]}
#: The loader's letters, digits, dots, dashes and underscores of all alphabets, in words that every validator knows.
_ID: Schema = {"type": "string", "pattern": r"^[^\s!-,/:-@\[-\^`{-~]{1,64}$"}
_PATTERN: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN}
#: No other placeholder than {rule} and {run}.
_REASON: Schema = {"type": "string", "pattern": r"^(?![\s\S]*\{(?!(rule|run)\})[^{}]*\})"}


def rules_schema() -> Schema:
    sections: dict[str, Schema] = {
        "version": {"const": 1},
        "portal": {"type": "string", "pattern": r"^[^/\s]+$"},
        "timezone": {"type": "string", "minLength": 1, "examples": ["Europe/Moscow"]},
        "limits": _limits(),
        "pace": _pace(),
        "sets": {"type": "object", "additionalProperties": _MATCH},
        "protect": _list(_object(vocabulary.PROTECT, {"id": _ID, "match": _MATCH, "why": _TEXT}, ("id", "match"))),
        "rules": _list(_rule()),
        "tests": _list(_example()),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of b24-cleanup",
        **_object(vocabulary.FILE, sections, ("version", "rules")),
        "$defs": {"match": {"anyOf": [{"const": "everything"}, _match()]}},
    }


def _object(keys: Keys, shapes: dict[str, Schema], required: Iterable[str] = ()) -> Schema:
    """Raises KeyError when the vocabulary has a key without a shape, and ValueError for the opposite."""
    if unknown := shapes.keys() - keys.keys():
        raise ValueError(f"not in the vocabulary: {unknown}")
    properties = {name: {"description": meaning, **shapes[name]} for name, meaning in keys.items()}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _only(keys: Keys, names: Iterable[str]) -> Keys:
    return {name: keys[name] for name in names}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _several(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def _one_or_many(item: Schema) -> Schema:
    return {"anyOf": [item, _several(item)]}


def _whole(least: int) -> Schema:
    digits = "^[1-9][0-9]{0,17}$" if least else "^(0|[1-9][0-9]{0,17})$"
    return {"anyOf": [{"type": "integer", "minimum": least}, {"type": "string", "pattern": digits}]}


def _number(above: float, to: float) -> Schema:
    return {"type": "number", "exclusiveMinimum": above, "maximum": to}


def _or_word(shape: Schema, *words: str) -> Schema:
    return {"anyOf": [{"enum": [*words]}, shape]}


def _limits() -> Schema:
    percent = _or_word(_number(0, 100), "off")
    shapes = {"max_kill": _or_word(_whole(0), "off"), "max_percent": percent, "max_failed_percent": percent}
    return _object(vocabulary.LIMITS, shapes)


def _pace() -> Schema:
    bucket = {"burst": _number(0, 1e6), "per_second": _number(0, 1e6)}
    shapes = {
        "requests": _or_word(_object(vocabulary.REQUESTS, bucket, bucket), "auto", "off"),
        "operating_limit": _number(0, 1e6),
        "operating_share": _number(0, 1),
        "batch_seconds": _number(0, 50),
        "concurrency": _or_word(_whole(1), "auto"),
        "max_slowdown": _number(1, 10),
    }
    return _object(vocabulary.PACE, shapes)


def _rule() -> Schema:
    take = _object(vocabulary.TAKE, {"count": _whole(1), "order": {"enum": ["oldest", "newest"]}}, ("count",))
    shapes = {"id": _ID, "match": _MATCH, "action": {"enum": [*Action]}, "reason": _REASON, "take": take}
    keeps = {"properties": {"action": {"const": Action.KEEP}}, "required": ["action"]}
    return {
        **_object(vocabulary.RULE, shapes, ("id", "match", "action")),
        "if": keeps,
        "then": {"not": {"required": ["take"]}},
    }


def _match() -> Schema:
    numbers = dict.fromkeys(vocabulary.NUMBERS, _field(_one_or_many(_whole(1))))
    starter = _object(vocabulary.STARTER, {"dismissed": _BOOLEAN}, ("dismissed",))
    assigned = _object(vocabulary.ASSIGNED, dict.fromkeys(vocabulary.ASSIGNED, _BOOLEAN))
    newest = _object(vocabulary.NEWEST, {"by": {"const": "document"}, "keep": _kept()}, vocabulary.NEWEST)
    shapes = {
        "template": _text_test(),
        "document_type": _field(_one_or_many(_document_type())),
        "stuck": _field(_or_bool(_object(_only(vocabulary.STUCK_TEST, ["longer_than"]), {"longer_than": _DURATION}))),
        "locked": _field(_BOOLEAN),
        **dict.fromkeys(vocabulary.TEXTS, _text_test()),
        **numbers,
        "started_by": {"anyOf": [*numbers["started_by"]["anyOf"], starter]},
        "assigned_to": {**assigned, "minProperties": 1, "maxProperties": 1},
        "document_exists": _BOOLEAN,
        "newest_of": newest,
        **dict.fromkeys(vocabulary.TIMES, _field(_time_test())),
        "all": _several(_MATCH),
        "any": _several(_MATCH),
        "not": _MATCH,
        "use": {"type": "string"},
    }
    return {**_object(vocabulary.MATCH, shapes), "minProperties": 1}


def _kept() -> Schema:
    digits = "^([1-9]|10)$"
    return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_KEPT}, {"type": "string", "pattern": digits}]}


def _field(test: Schema) -> Schema:
    return {"anyOf": [test, _object(vocabulary.EXISTS, {"exists": _BOOLEAN}, ("exists",))]}


def _or_bool(shape: Schema) -> Schema:
    return {"anyOf": [_BOOLEAN, {**shape, "minProperties": 1}]}


def _text_test() -> Schema:
    operators = _only(vocabulary.TEXT_TEST, ["glob", "regex"])
    pattern = {**_object(operators, dict.fromkeys(operators, _PATTERN)), "minProperties": 1, "maxProperties": 1}
    return _field(_one_or_many({"anyOf": [_PATTERN, pattern]}))


def _time_test() -> Schema:
    shapes = {"older_than": _DURATION, "newer_than": _DURATION, "before": _MOMENT, "after": _MOMENT}
    return {**_object(_only(vocabulary.TIME_TEST, shapes), shapes), "minProperties": 1}


def _document_type() -> Schema:
    return {"anyOf": [{"enum": [*DOCUMENT_TYPES]}, {"type": "string", "pattern": f"^{DYNAMIC.pattern}$"}]}


def _example() -> Schema:
    shapes = {"name": _TEXT, "instance": _instance(), "now": _MOMENT, "expect": _expect()}
    return _object(vocabulary.EXAMPLE, shapes, ("instance", "expect"))


def _instance() -> Schema:
    moment = {"anyOf": [_DURATION, _MOMENT]}
    shapes = {
        **dict.fromkeys(("id", "template", "module", "entity", "document_id"), _TEXT),
        **dict.fromkeys(("template_id", "started_by"), _whole(1)),
        **dict.fromkeys(("started", "modified", "owned_until"), moment),
        "document_type": _document_type(),
        "starter": {"enum": [*STANDINGS]},
        "assignees": _list({"enum": [*STANDINGS]}),
        "document_exists": _BOOLEAN,
        "newer": _whole(0),
        "unreadable": {"anyOf": [{"enum": [*UNREADABLE]}, _list({"enum": [*UNREADABLE]})]},
    }
    return _object(vocabulary.INSTANCE, shapes)


def _expect() -> Schema:
    decision = {"enum": [*WORDS]}
    shapes = {"rule": _ID, "action": {"enum": [*Action]}, "decision": decision, "field": _TEXT}
    told = {"anyOf": [{"required": ["action"]}, {"required": ["decision"]}]}
    return {"anyOf": [decision, {**_object(vocabulary.EXPECT, shapes), **told}]}
