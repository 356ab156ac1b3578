"""The section `tests`: what an example may say, how it is judged, and what `test` tells about it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cleanup.config import RulesFile, parse_rules
from cleanup.model import Instance
from cleanup.rules import DOCUMENT_TYPES, document_type
from cleanup.rules.documents import sample
from cleanup.rules.examples import judge
from tests.config.test_configs import CONFIGS
from tests.config.test_rules_file import only_fault

FILE = """\
version: 1
timezone: Europe/Moscow
protect:
  - {{id: boss, match: {{started_by: 1}}}}
rules:
  - {{id: approvals, match: {{template: Согласование}}, action: keep}}
  - {{id: stale, match: {{document_type: [lead, dynamic_128], started: {{older_than: 90d}}}}, action: kill}}
  - {{id: hung, match: {{stuck: {{longer_than: 1h}}}}, action: terminate}}
tests:
  - {}
"""


def file_with(example: str) -> RulesFile:
    return parse_rules(FILE.format(example), "rules.yaml")


def passes(example: str) -> bool:
    file = file_with(example)
    (only,) = file.examples
    return judge(file.book, only).passed


OTHER = "started_by: 2"


@pytest.mark.parametrize(
    ("instance", "expect"),
    [
        ("document_type: lead, started: 91d", "{rule: stale, action: kill}"),
        ("document_type: dynamic_128, started: 91d", "{rule: stale, action: kill}"),
        ("document_type: lead, started: 2026-08-01", "{rule: stale, action: kill}"),
        ("document_type: lead, document_id: LEAD_77, started: 91d", "{rule: stale, action: kill}"),
        ("module: crm, entity: CCrmDocumentLead, document_id: LEAD_7, started: 91d", "selected"),
        ("document_type: lead, started: 89d", "left alone"),
        ("document_type: lead, started: 89d", "no_match"),
        ("document_type: lead", "{decision: undecided, rule: stale, field: started}"),
        ("document_type: lead, unreadable: [started]", "undecided"),
        ("template: Согласование, document_type: lead, started: 91d", "{rule: approvals, action: keep}"),
        ("template: Согласование, template_id: 7, document_type: lead, started: 91d", "kept"),
        ("template: Другой, document_type: lead, started: 91d", "{rule: stale, action: kill}"),
        ("template_id: 7, document_type: lead, started: 91d", "{rule: stale, action: kill}"),
        ("document_type: lead, started: 91d, owned_until: 2026-11-23T03:01:00", "{decision: locked, rule: stale}"),
        ("document_type: deal, owned_until: 2h", "{rule: hung, action: terminate}"),
        ("document_type: deal, owned_until: 30m", "no_match"),
        ("document_type: deal, unreadable: owned_until", "{decision: undecided, field: owned_until}"),
    ],
)
def test_an_example_is_judged_as_an_instance_of_a_portal(instance: str, expect: str) -> None:
    now = "now: 2026-11-23T03:00:00+03:00"
    assert passes(f"{{{now}, instance: {{{instance}, {OTHER}}}, expect: {expect}}}")
    wrong = "{rule: boss, decision: protected}"
    assert not passes(f"{{{now}, instance: {{{instance}, {OTHER}}}, expect: {wrong}}}")


def test_without_a_starter_it_is_protected() -> None:
    example = (
        "{now: 2026-11-23, instance: {started: 91d}, expect: {decision: protected, rule: boss, field: started_by}}"
    )
    assert passes(example)


@pytest.mark.parametrize("name", [*DOCUMENT_TYPES, "dynamic_31"])
def test_every_document_type_has_a_sample(name: str) -> None:
    module, entity, document_id = sample(name)
    assert document_type(Instance(id="x", module=module, entity=entity, document_id=document_id)) == name


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("¦{now: 2026-11-23, expect: left alone}", "lacks “instance”"),
        ("¦{now: 2026-11-23, instance: {id: a}}", "lacks “expect”"),
        ("¦{instance: {id: a}, expect: left alone}", "lacks “now”: ages matter here"),
        ("{now: ¦yesterday, instance: {id: a}, expect: left alone}", "ISO"),
        ("{now: 2026-11-23, instance: {¦startd: 9d}, expect: left alone}", "Did you mean “started”"),
        ("{now: 2026-11-23, instance: {started: ¦9}, expect: left alone}", "ISO"),
        ("{now: 2026-11-23, instance: {document_type: ¦leed}, expect: left alone}", "Did you mean “lead”"),
        ("{now: 2026-11-23, instance: {document_type: ¦lead, module: disk}, expect: left alone}", "none of a “lead”"),
        ("{now: 2026-11-23, instance: {unreadable: [¦start]}, expect: left alone}", "Did you mean “started”"),
        ("{now: 2026-11-23, instance: {started: 9d, unreadable: [¦started]}, expect: left alone}", "has a value"),
        ("{now: 2026-11-23, instance: {id: a}, expect: ¦left_alone}", "Did you mean “left alone”"),
        ("{now: 2026-11-23, instance: {id: a}, expect: {rule: ¦stail, action: kill}}", "Did you mean “stale”"),
        ("{now: 2026-11-23, instance: {id: a}, expect: {rule: stale, action: ¦kil}}", "Did you mean “kill”"),
        ("{now: 2026-11-23, instance: {id: a}, expect: ¦{rule: stale}}", "lacks “action”"),
        ("{now: 2026-11-23, instance: {id: a}, expect: ¦[kept]}", "must be a map"),
        ("{now: 2026-11-23, instance: ¦a, expect: kept}", "must be a map"),
        ("¦kept", "must be a map"),
    ],
)
def test_a_fault_in_an_example_is_told_with_its_place(marked: str, words: str) -> None:
    before, after = FILE.format(marked).split("¦")
    told = only_fault(before + after)
    assert told.startswith(f"rules.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "), told
    assert words in told


def test_without_ages_no_now_is_needed() -> None:
    text = "version: 1\nrules:\n  - {id: a, match: {module: crm}, action: kill}\ntests:\n  - {instance: {module: crm}, expect: {rule: a, action: kill}}\n"  # noqa: E501 # one file
    file = parse_rules(text, "rules.yaml")
    assert judge(file.book, file.examples[0]).passed
    assert "lacks “now”" in only_fault(text.replace("instance: {module: crm}", "instance: {module: crm, started: 3d}"))


ASKING = """\
version: 1
rules:
  - {{id: left, match: {{started_by: {{dismissed: true}}}}, action: kill}}
  - {{id: nobody, match: {{assigned_to: {{all_dismissed: true}}}}, action: terminate}}
  - {{id: gone, match: {{document_exists: false}}, action: kill}}
  - {{id: older, match: {{newest_of: {{by: document, keep: 2}}}}, action: kill}}
tests:
  - {}
"""


@pytest.mark.parametrize(
    ("instance", "expect"),
    [
        ("started_by: 5, starter: dismissed", "{rule: left, action: kill}"),
        ("started_by: 5, starter: active, assignees: [dismissed, dismissed]", "{rule: nobody, action: terminate}"),
        ("started_by: 5, starter: active, assignees: [dismissed, active], document_exists: true, newer: 1", "no_match"),
        ("started_by: 5, starter: active, assignees: [], document_exists: true, newer: 1", "no_match"),
        ("assignees: [dismissed, unknown]", "{decision: undecided, rule: left, field: started_by.dismissed}"),
        ("document_exists: false", "{rule: gone, action: kill}"),
        ("newer: 2", "{rule: older, action: kill}"),
        ("newer: 12", "{rule: older, action: kill}"),
    ],
)
def test_an_example_may_say_what_the_portal_would_be_asked(instance: str, expect: str) -> None:
    file = parse_rules(ASKING.format(f"{{instance: {{{instance}}}, expect: {expect}}}"), "rules.yaml")
    assert judge(file.book, file.examples[0]).passed


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_files_in_configs_pass_their_own(file: Path) -> None:
    loaded = parse_rules(file.read_text(encoding="utf-8"), file.name)
    assert len(loaded.examples) >= 5
    assert all(judge(loaded.book, example).passed for example in loaded.examples)
    rules = {example.expected.rule for example in loaded.examples}
    assert len(rules) > 2


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cleanup", *words], capture_output=True, text=True, check=False)


def test_a_failed_one_shows_what_came_and_why_and_all_are_run(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    example = "{name: an old lead, now: 2026-11-23, instance: {document_type: lead, started: 80d, started_by: 2}, expect: {rule: stale, action: kill}}"  # noqa: E501 # one line of the file
    path.write_text(FILE.format(example) + "  - {now: 2026-11-23, instance: {started_by: 1}, expect: protected}\n")
    done = call("test", str(path))
    assert done.returncode == 2
    for words in (
        "FAIL  an old lead",
        "expected: selected by “stale”: kill",
        "came:     left alone: no rule matches",
        "started: {older_than: 90d}  false",
        "2 tests: 1 passed, 1 failed",
    ):
        assert words in done.stdout, done.stdout
    shown = json.loads(call("test", str(path), "-o", "json").stdout)
    assert (shown["failed"], [each["passed"] for each in shown["tests"]]) == (1, [False, True])
    assert call("validate", str(path)).returncode == 0, "an example that fails is no fault of the file"


def test_a_plan_does_not_look_at_them() -> None:
    file = file_with("{now: 2026-11-23, instance: {id: a}, expect: selected}")
    assert file.book == parse_rules(FILE.partition("tests:")[0].format(), "rules.yaml").book
