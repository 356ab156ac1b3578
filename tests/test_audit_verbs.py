"""The readers before any rule acts: explain, templates and inventory, against the portal's own rows."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import RULES, Shop, shop

FAST = ("--licence", "ru_selfhosted", "--instances", "900", "--seed", "5")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("audit"), *FAST) as opened:
        assert opened.call("plan", opened.rules(RULES)).returncode == 0
        yield opened
        assert opened.ledger()["kills_effective"] == 0


@pytest.fixture(scope="module")
def explained(here: Shop) -> dict[str, str]:
    """An ID for each kind of decision, found by explaining what the portal lists."""
    recorded = {row["id"] for row in json.loads(here.call("report", "last", "--format", "json").stdout)}
    others = [row["ID"] for row in here.ask("instances") if row["ID"] not in recorded]
    return {"selected": min(recorded), "left alone": min(others)}


def explain(here: Shop, target: str, identity: str, **environment: str) -> dict[str, Any]:
    done = here.call("explain", target, identity, "-o", "json", **environment)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_a_recorded_instance_is_explained_without_the_portal(here: Shop, explained: dict[str, str]) -> None:
    shown = explain(here, "last", explained["selected"], B24_WEBHOOK_URL="")
    assert shown["verdict"]["decision"] == "selected"
    assert "recorded" in shown["source"]
    (decides,) = [part for part in shown["rules"] if part["decides"]]
    assert (decides["id"], decides["truth"]) == (shown["verdict"]["rule"], "true")


def test_an_instance_that_was_left_alone_is_asked_for(here: Shop, explained: dict[str, str]) -> None:
    by_run = explain(here, "last", explained["left alone"])
    assert by_run["verdict"]["decision"] != "selected"
    assert "not selected by run" in by_run["source"]
    by_rules = explain(here, "rules.yaml", explained["left alone"])
    assert by_rules["verdict"] == by_run["verdict"]
    assert by_rules["rules"] == by_run["rules"]


def test_rules_and_run_agree_on_a_selected_one(here: Shop, explained: dict[str, str]) -> None:
    assert (
        explain(here, "rules.yaml", explained["selected"])["verdict"]
        == explain(here, "last", explained["selected"])["verdict"]
    )


@pytest.mark.parametrize("target", ["rules.yaml", "last"])
def test_an_id_that_the_portal_does_not_have(here: Shop, target: str) -> None:
    done = here.call("explain", target, "66e412fdc9bd44.00000000")
    assert done.returncode == 2
    assert "has no running instance 66e412fdc9bd44.00000000" in done.stderr


def test_the_text_shows_values_rules_and_the_verdict(here: Shop, explained: dict[str, str]) -> None:
    told = here.call("explain", "last", explained["selected"]).stdout
    for words in ("document_type", "started", "protect recent", "kill old", "← decides", "selected by"):
        assert words in told
    assert "{rule}" not in told, "the reason is filled in as the record has it"


def test_the_inventory_counts_what_is_there(here: Shop) -> None:
    rows = here.ask("instances")
    shown = json.loads(here.call("inventory", "-o", "json").stdout)
    assert shown["instances"] == len(rows) == 900
    by_template = Counter(row["TEMPLATE_ID"] for row in rows)
    counted: Counter[str] = Counter()
    for entry in shown["template"]:
        counted[entry["key"] or "0"] += entry["count"]
    assert counted == {str(template): count for template, count in by_template.items()}
    for group in ("document_type", "age", "started_by"):
        assert sum(entry["count"] for entry in shown[group]) == 900
    starters = Counter(str(row["STARTED_BY"] or "unknown") for row in rows if row["STARTED_BY"] != "0")
    assert {entry["key"]: entry["count"] for entry in shown["started_by"] if entry["key"] != "unknown"} == {
        key: count for key, count in starters.items() if key != "unknown"
    }


def test_the_inventory_is_the_same_in_csv_and_text(here: Shop) -> None:
    shown = json.loads(here.call("inventory", "-o", "json").stdout)
    table = list(csv.DictReader(io.StringIO(here.call("inventory", "-o", "csv").stdout)))
    assert [int(row["count"]) for row in table if row["group"] == "age"] == [row["count"] for row in shown["age"]]
    text = here.call("inventory").stdout
    assert "900 instances" in text
    assert "over 365 days" in text


def test_templates_without_instances_are_listed_and_nameless_ones_too(here: Shop) -> None:
    shown = json.loads(here.call("templates", "-o", "json").stdout)
    assert sum(row["instances"] for row in shown) == 900
    assert any(row["name"] is None and row["instances"] for row in shown), "a robot's or deleted template"
    names = Counter(row["name"] for row in shown if row["name"])
    assert names.most_common(1)[0][1] > 1, "two templates may share a name"
    assert here.call("templates", "-o", "csv").stdout.splitlines()[0] == "id,name,document_types,instances,oldest"
