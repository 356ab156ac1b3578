"""Prints docs/rules.md: the prose of rules_page.md with the tables that the loader's vocabulary and the schema give."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cleanup.config import vocabulary
from cleanup.config.schema import rules_schema
from cleanup.rules import DOCUMENT_TYPES
from cleanup.rules.documents import sample

Schema = Mapping[str, Any]
SOURCE = Path(__file__).with_name("rules_page.md")
#: Of an enumeration; a longer one has a table of its own.
_MOST_WORDS = 7
#: Parts of a match whose values the words of the vocabulary tell.
OPERATORS = {
    "text": vocabulary.TEXT_TEST,
    "time": vocabulary.TIME_TEST,
    "stuck": vocabulary.STUCK_TEST,
    "starter": vocabulary.STARTER,
    "assigned": vocabulary.ASSIGNED,
    "newest": vocabulary.NEWEST,
}


def page() -> str:
    text = SOURCE.read_text(encoding="utf-8")
    return re.sub(r"^<!-- table: (\w+) -->$", lambda found: table(found[1]), text, flags=re.MULTILINE)


def table(name: str) -> str:
    if name == "documents":
        return _documents()
    if name in OPERATORS:
        return _rows(("test", "means"), [(f"`{key}`", meaning) for key, meaning in OPERATORS[name].items()])
    if name in {"fields", "combined"}:
        words = vocabulary.FIELDS if name == "fields" else vocabulary.COMBINED
        return _rows(("key", "means"), [(f"`{key}`", words[key]) for key in words])
    return _properties(_sections()[name])


def _sections() -> dict[str, Schema]:
    """The maps of a rules file, by the names that the prose uses."""
    file = rules_schema()
    top = file["properties"]
    rule, example = top["rules"]["items"], top["tests"]["items"]
    return {
        "file": file,
        "limits": top["limits"],
        "pace": top["pace"],
        "requests": top["pace"]["properties"]["requests"]["anyOf"][1],
        "protect": top["protect"]["items"],
        "rule": rule,
        "take": rule["properties"]["take"],
        "example": example,
        "instance": example["properties"]["instance"],
        "expect": example["properties"]["expect"]["anyOf"][1],
    }


def _properties(schema: Schema) -> str:
    needed = schema["required"]
    rows = [
        (f"`{key}`{' *' if key in needed else ''}", _shape(value), value["description"])
        for key, value in schema["properties"].items()
    ]
    return _rows(("key", "value", "means"), rows)


def _shape(schema: Schema) -> str:
    """What a value looks like, for a person."""
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(dict.fromkeys(map(_shape, schema["anyOf"])))
    if "enum" in schema and len(schema["enum"]) > _MOST_WORDS:
        return "a document type" if "lead" in schema["enum"] else "a field"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        return "a match"
    if "examples" in schema:
        return "such as " + ", ".join(f"`{example}`" for example in schema["examples"])
    return _by_type(schema)


def _by_type(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"a list: {_shape(schema['items'])}"
    if schema["type"] in {"integer", "number"}:
        return _number(schema)
    if schema["type"] == "string" and schema.get("pattern", "").startswith(("^[1-9]", "^(0|")):
        return "a number"
    return {"object": "a map", "string": "a text", "boolean": "`true`, `false`"}[schema["type"]]


def _number(schema: Schema) -> str:
    if "exclusiveMinimum" in schema and schema["maximum"] <= 1000:
        return f"a number up to {schema['maximum']:g}"
    return "a number"


def _documents() -> str:
    rows = [(f"`{name}`", *_identity(name)) for name in (*DOCUMENT_TYPES, "dynamic_128")]
    return _rows(("document_type", "module", "entity", "document_id"), rows)


def _identity(name: str) -> tuple[str, str, str]:
    module, entity, document_id = sample(name)
    return f"`{module}`", f"`{entity}`", f"`{document_id}`"


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
