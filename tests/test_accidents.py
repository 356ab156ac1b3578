"""The accidents that people had with tools of this kind, by name: none of them can happen here.

Each is tried as a user would meet it: `validate` and `plan` as processes; nothing is listed, nothing is planned.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cleanup.config import Faults, parse_rules
from cleanup.model import Decision, Instance
from cleanup.rules import RuleBook
from tests.harness import Shop

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEAD = "version: 1\nrules:\n"


def refused(tmp_path: Path, text: str) -> str:
    """What `validate` says on stderr. `plan` says the same before it asks anybody: the portal here does not exist."""
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Faults):
        parse_rules(text, "rules.yaml")
    here = Shop("https://portal.invalid/rest/1/secret/", tmp_path)
    told = [here.call(verb, "rules.yaml") for verb in ("validate", "plan")]
    assert [done.returncode for done in told] == [2, 2]
    assert told[0].stderr == told[1].stderr
    assert "Traceback" not in told[0].stderr
    return told[0].stderr


def book(match: str) -> RuleBook:
    rule = f"  - {{id: only, match: {match}, action: kill}}\n"
    return parse_rules(HEAD + rule, "rules.yaml").book.resolve({})


def decision(match: str, **values: Any) -> Decision:
    return book(match).judge(Instance(id="66e412fdc9bd44.36306599", **values), NOW).decision


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("match: {startd: {older_than: 90d}}", "started"),
        ("match: {document_type: lead, stated_by: 7}", "started_by"),
        ("match: {started: {older_then: 90d}}", "older_than"),
        ("filters: {started: {older_than: 90d}}", "match"),
        ("mach: {started: {older_than: 90d}}", "match"),
    ],
)
def test_a_misspelt_key_that_voided_a_filter(tmp_path: Path, misspelt: str, meant: str) -> None:
    """The tool did not know the key, ignored it, and the rule was about everything."""
    told = refused(tmp_path, f"{HEAD}  - {{id: old, {misspelt}, action: kill}}\n")
    assert "rules.yaml:3:" in told
    assert f"Did you mean “{meant}”?" in told
    assert told.count("rules.yaml:") == 1, "one slip is one fault"


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (f"{HEAD}  - id: old\n    match: {{template_id: 5}}\n    match: everything\n    action: kill\n", "match", 5),
        (f"{HEAD}  - id: old\n    filters: {{a: b}}\n    filters: {{}}\n    action: kill\n", "filters", 5),
        (f"{HEAD}  - id: old\n    match:\n      id: a\n      id: b\n    action: kill\n", "id", 6),
        (f"{HEAD}  - id: old\n    match: everything\n    action: keep\n    action: kill\n", "action", 6),
        ("version: 1\nprotect: [{id: p, match: {id: a}}]\nprotect: []\nrules: []\n", "protect", 3),
        ("version: 1\nsets: {old: {id: a}, old: everything}\nrules: []\n", "old", 2),
    ],
)
def test_a_duplicate_match_key_that_deleted_everything(tmp_path: Path, text: str, key: str, line: int) -> None:
    """To YAML readers the last one wins, without a word."""
    told = refused(tmp_path, text)
    assert f"rules.yaml:{line}:" in told
    assert f"“{key}” stands here twice" in told


@pytest.mark.parametrize(
    "match",
    [
        "{not: {started_by: 1}}",
        "{not: {module: lists}}",
        "{not: {document_id: {glob: 'LEAD_*'}}}",
        "{not: {document_type: [task, rpa]}}",
        "{not: {template: {glob: 'Согласование*'}}}",
        "{not: {started: {newer_than: 90d}}}",
        "{not: {any: [{started_by: 1}, {module: lists}]}}",
        "{not: {all: [{started_by: 1}, {module: lists}]}}",
        "{not: {not: {not: {modified: {newer_than: 1d}}}}}",
        "{any: [{not: {started_by: 1}}, {all: [{not: {module: lists}}]}]}",
    ],
)
def test_not_over_a_missing_value(match: str) -> None:
    """“Not started by the boss” was true of all that had no starter at all."""
    verdict = book(match).judge(Instance(id="66e412fdc9bd44.36306599"), NOW)
    assert verdict.decision is Decision.UNDECIDED
    assert verdict.field


def test_a_regex_that_matched_a_prefix() -> None:
    """LEAD_1 was found in LEAD_17, and “Отпуск” in “Отпуск без содержания”."""
    for test in ("{regex: LEAD_1}", "{glob: LEAD_1}", "LEAD_1", "{regex: 'LEAD_1|DEAL'}"):
        match = f"{{document_id: {test}}}"
        assert decision(match, document_id="LEAD_1") is Decision.SELECTED
        for other in ("LEAD_17", "XLEAD_1", "LEAD_1\n", "lead_1", " LEAD_1"):
            assert decision(match, document_id=other) is Decision.NO_MATCH
    named = parse_rules(f"{HEAD}  - {{id: a, match: {{template: {{regex: Отпуск}}}}, action: kill}}\n", "rules.yaml")
    usable = named.book.resolve({1: "Отпуск", 2: "Отпуск без содержания"})
    decisions = [usable.judge(Instance(id="x", template_id=number), NOW).decision for number in (1, 2)]
    assert decisions == [Decision.SELECTED, Decision.NO_MATCH]


def test_an_age_computed_from_another_field(tmp_path: Path) -> None:
    """“Older than 90 days” looked at the last change, or at the start when there was no last change."""
    old, young = NOW - timedelta(days=100), NOW - timedelta(days=1)
    started, modified = "{started: {older_than: 90d}}", "{modified: {older_than: 90d}}"
    assert decision(started, started=old, modified=young) is Decision.SELECTED
    assert decision(started, started=young, modified=old) is Decision.NO_MATCH
    assert decision(modified, started=old, modified=young) is Decision.NO_MATCH
    assert decision(modified, started=old) is Decision.UNDECIDED, "another field never stands in for a missing one"
    assert decision(started, modified=old, owned_until=old) is Decision.UNDECIDED
    told = refused(tmp_path, f"{HEAD}  - {{id: old, match: {{older_than: 90d}}, action: kill}}\n")
    assert "stands within a field; write started: {older_than: …} or modified: {older_than: …}" in told
