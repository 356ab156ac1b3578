"""The files in configs/ load without a fault or a warning and decide what their comments say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cleanup.config import RulesFile, load_rules
from cleanup.model import Instance

CONFIGS = Path(__file__).parent.parent.parent / "configs"
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
TEMPLATES = {11: "Согласование счёта", 12: "Обработка заявки"}
LEAD: dict[str, Any] = {"module": "crm", "entity": "CCrmDocumentLead", "document_id": "LEAD_1", "template_id": 12}
LIST: dict[str, Any] = {"module": "lists", "entity": "BizprocDocument", "document_id": "7", "template_id": 12}


def read(name: str) -> RulesFile:
    return load_rules(CONFIGS / name)


def days(count: float) -> datetime:
    return NOW - timedelta(days=count)


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_file_loads_without_a_fault_or_a_warning(file: Path) -> None:
    assert not load_rules(file).warnings


def test_the_three_jobs_are_there() -> None:
    assert {file.stem for file in CONFIGS.glob("*.yaml")} == {"nightly", "purge", "audit"}


@pytest.mark.parametrize(
    ("config", "values", "expected"),
    [
        ("nightly", {**LEAD, "started": days(200), "modified": days(100)}, "selected stale-leads kill"),
        ("nightly", {**LEAD, "started": days(200), "modified": days(1)}, "protected alive"),
        ("nightly", {**LEAD, "started": days(200)}, "protected alive"),
        ("nightly", {**LEAD, "started": days(3), "modified": days(3)}, "protected recent"),
        ("nightly", {**LEAD, "started": days(100), "modified": days(100)}, "no_match"),
        (
            "nightly",
            {**LEAD, "template_id": 11, "started": days(170), "modified": days(99), "owned_until": days(9)},
            "kept keep-approvals keep",
        ),
        ("nightly", {"started": days(20), "modified": days(9), "owned_until": days(1)}, "selected hung terminate"),
        ("nightly", {"started": days(20), "modified": days(9), "owned_until": NOW}, "no_match"),
        ("nightly", {"started": days(200), "modified": days(99)}, "undecided stale-leads kill"),
        (
            "purge",
            {**LEAD, "template_id": 99, "started": days(400), "modified": days(200)},
            "selected forgotten-robots kill",
        ),
        ("purge", {**LEAD, "started": days(400), "modified": days(200)}, "no_match"),
        ("purge", {**LIST, "started": days(999), "modified": days(999)}, "protected people"),
        ("purge", {"started": days(99), "modified": days(99)}, "selected zombies kill"),
        ("purge", {"started": days(9), "modified": days(9)}, "protected recent"),
        ("audit", {**LEAD, "started": days(400), "modified": days(400)}, "kept crm-over-half-a-year keep"),
        ("audit", {"started": days(1)}, "kept no-document keep"),
        ("audit", {**LIST, "started": days(1), "modified": days(1)}, "kept younger keep"),
    ],
)
def test_each_file_decides_what_it_says(config: str, values: dict[str, Any], expected: str) -> None:
    book = read(f"{config}.yaml").book.resolve(TEMPLATES)
    verdict = book.judge(Instance(id="66e412fdc9bd44.36306599", **values), NOW)
    said = [verdict.decision.value, verdict.rule, verdict.action.value if verdict.action else None]
    assert " ".join(part for part in said if part) == expected


def test_the_audit_can_end_nothing() -> None:
    file = read("audit.yaml")
    assert not any(rule.ends for rule in file.book.rules)
    assert file.limits.max_kill == 0
