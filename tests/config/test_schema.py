"""The JSON Schema against the loader, by an independent validator: it takes all that loads, and little else.

A file is read for the validator as an editor reads it: by the core schema of YAML 1.2.
"""

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from cleanup.config import Faults, parse_rules, vocabulary
from cleanup.config.printer import printed
from cleanup.config.schema import rules_schema
from cleanup.reports.starter import rules_text
from cleanup.rules import RuleBook
from tests.config.test_configs import CONFIGS, NOW
from tests.config.test_printer import faults_of, of_book
from tests.config.test_rules_file import GOOD, RULE, files
from tests.rules.strategies import books

SCHEMA = rules_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def as_editors_read(text: str) -> Any:
    return _value(yaml.compose(text, Loader=yaml.SafeLoader))


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {_value(key): _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return node.value if node.style else _plain(node.value)


def _plain(text: str) -> Any:
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.lower() in {"true", "false"} and text in {text.lower(), text.upper(), text.title()}:
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text) if math.isfinite(float(text)) else text
    return text


def schema_takes(text: str) -> bool:
    return VALIDATOR.is_valid(as_editors_read(text))


def loads(text: str) -> bool:
    try:
        parse_rules(text, "rules.yaml")
    except Faults:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    shown = subprocess.run([sys.executable, "-m", "cleanup", "schema"], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout) == SCHEMA


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_files_in_configs_are_taken_by_both(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert loads(text)
    assert not list(VALIDATOR.iter_errors(as_editors_read(text)))


@pytest.mark.parametrize("text", [GOOD, rules_text("rules.yaml", None, NOW)], ids=["good", "init"])
def test_other_good_files_are_taken_by_both(text: str) -> None:
    assert loads(text)
    assert schema_takes(text)


@settings(max_examples=500)
@given(book=books())
def test_every_book_that_loads_is_taken_by_the_schema(book: RuleBook) -> None:
    text = printed(of_book(book))
    if not faults_of(text):
        assert schema_takes(text), next(VALIDATOR.iter_errors(as_editors_read(text))).message


@settings(max_examples=300)
@given(file=files)
def test_no_shape_that_loads_is_refused_by_the_schema(file: object) -> None:
    text = json.dumps(file)
    if loads(text):
        assert schema_takes(text)


HEAD = "version: 1\nrules: []\n"


def with_test(example: str) -> str:
    return RULE.format("{module: crm}") + f"tests: [{example}]\n"


REFUSED_BY_BOTH = [
    "rules: []\n",
    "version: 1\n",
    "version: 2\nrules: []\n",
    HEAD + "rule: []\n",
    HEAD + "limits: off\n",
    HEAD + "limits: {max_kill: lots}\n",
    HEAD + "limits: {max_percent: 250}\n",
    HEAD + "limits: {max_percent: 0}\n",
    HEAD + "pace: {batch_seconds: 60}\n",
    HEAD + "pace: {concurrency: 0}\n",
    HEAD + "pace: {requests: {burst: 5}}\n",
    HEAD + "portal: https://acme.bitrix24.ru/\n",
    HEAD + "protect: [{id: a}]\n",
    HEAD + "protect: [{id: a, match: everything, action: keep}]\n",
    HEAD + "sets: {a: {}}\n",
    HEAD + "sets: [a]\n",
    "version: 1\nrules: {}\n",
    "version: 1\nrules: [kill]\n",
    "version: 1\nrules: [{match: everything, action: kill}]\n",
    "version: 1\nrules: [{id: a, action: kill}]\n",
    "version: 1\nrules: [{id: a, match: everything}]\n",
    "version: 1\nrules: [{id: a b, match: everything, action: kill}]\n",
    "version: 1\nrules: [{id: a, match: everything, action: delete}]\n",
    "version: 1\nrules: [{id: a, match: everything, action: kill, take: {count: 0}}]\n",
    "version: 1\nrules: [{id: a, match: everything, action: keep, take: {count: 5}}]\n",
    "version: 1\nrules: [{id: a, match: everything, action: kill, reason: 'by {ru}'}]\n",
    *(
        RULE.format(match)
        for match in (
            "{}",
            "[]",
            "all",
            "{startd: {older_than: 1d}}",
            "{filters: {}}",
            "{started: {}}",
            "{started: 90d}",
            "{started: {older_than: 90}}",
            "{started: {older_than: 3 months}}",
            "{started: {older_than: 1d1d}}",
            "{started: {exists: true, older_than: 1d}}",
            "{stuck: {longer_than: 1}}",
            "{locked: yes}",
            "{template: 5}",
            "{template: ''}",
            "{template: []}",
            "{template: {glob: a, regex: b}}",
            "{template_id: 0}",
            "{template_id: five}",
            "{document_type: leads}",
            "{document_type: dynamic_0}",
            "{any: []}",
            "{any: {module: crm}}",
            "{not: []}",
        )
    ),
    *(
        with_test(example)
        for example in (
            "{expect: kept}",
            "{instance: {id: a}}",
            "{instance: {startd: 1d}, expect: kept}",
            "{instance: {id: a}, expect: killed}",
            "{instance: {id: a}, expect: {rule: a}}",
            "{instance: {unreadable: [start]}, expect: kept}",
        )
    ),
]
#: What no schema says: it sees values without their places and spelling, and cannot compare one with another.
REFUSED_BY_THE_LOADER_ONLY = {
    "a duplicate id": RULE.format("everything") + "  - {id: a, match: {id: x}, action: keep}\n",
    "a set that is not there": RULE.format("{use: nothing}"),
    "a set that uses itself": HEAD + "sets: {aa: {use: aa}}\n",
    "an impossible range": RULE.format("{started: {older_than: 90d, newer_than: 30d}}"),
    "tests that clash": RULE.format("{all: [{template_id: 1}, {template_id: 2}]}"),
    "no regular expression": RULE.format("{template: {regex: '(?P<'}}"),
    "no date": RULE.format("{started: {before: yesterday}}"),
    "a date without an offset or a timezone": RULE.format("{started: {before: 2024-01-31}}"),
    "no time zone": HEAD + "timezone: Mars/Base\n",
    "a duration of nothing": RULE.format("{started: {older_than: 0d}}"),
    "a yes or no to YAML 1.1": RULE.format("{template: NO}"),
    "a sexagesimal to YAML 1.1": RULE.format("{document_id: 22:00}"),
    "a number with a leading zero": RULE.format("{template_id: 0123}"),
    "a number with an exponent": RULE.format("{template_id: 1e3}"),
    "a tag": RULE.format("{template_id: !!int 5}"),
    "a rule that a test names and that is not there": with_test("{instance: {id: a}, expect: {rule: b, action: kill}}"),
    "a test that lacks its now": RULE.format("{started: {older_than: 9d}}")
    + "tests: [{instance: {id: a}, expect: kept}]\n",
}


@pytest.mark.parametrize("text", REFUSED_BY_BOTH)
def test_what_is_wrong_in_its_form_is_refused_by_both(text: str) -> None:
    assert not loads(text)
    assert not schema_takes(text)


@pytest.mark.parametrize("fault", REFUSED_BY_THE_LOADER_ONLY)
def test_what_a_schema_cannot_say_is_refused_by_the_loader_and_told_in_the_notes(fault: str) -> None:
    assert not loads(REFUSED_BY_THE_LOADER_ONLY[fault])
    assert schema_takes(REFUSED_BY_THE_LOADER_ONLY[fault])
    notes = (CONFIGS.parent / "notes" / "schema.md").read_text(encoding="utf-8")
    assert fault in " ".join(notes.split())


def test_every_key_is_explained_to_the_editor() -> None:
    for keys in (vocabulary.FILE, vocabulary.RULE, vocabulary.MATCH, vocabulary.TIME_TEST, vocabulary.EXAMPLE):
        assert all(len(meaning) > 10 for meaning in keys.values())
    properties = SCHEMA["properties"]
    assert {name: shape["description"] for name, shape in properties.items()} == dict(vocabulary.FILE)
    match = SCHEMA["$defs"]["match"]["anyOf"][1]["properties"]
    assert {name: shape["description"] for name, shape in match.items()} == dict(vocabulary.MATCH)
