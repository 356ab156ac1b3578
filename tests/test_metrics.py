"""The metrics file: what the reference parser reads from it is what the run's document says, however it ended."""

import os
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cleanup.reports.ended import Ended
from cleanup.reports.metrics import METRICS, write
from cleanup.state_directory import StateDirectory
from tests.harness import EVERYTHING, RULES, Shop, shop

FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001")
ALERTS = Path(__file__).parent.parent / "configs" / "prometheus" / "alerts.yaml"
NIGHT = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)


def ended(**values: Any) -> Ended:
    usual = {
        "verb": "run",
        "portal": "acme.bitrix24.ru",
        "rules": "nightly",
        "exit_code": 0,
        "message": "",
        "at": NIGHT,
        "seconds": 12.5,
    }
    return Ended(**(usual | values))


def read(path: Path) -> dict[tuple[str, ...], float]:
    """Values by name and label values, as prometheus_client's parser sees them."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, *(s.labels[label] for label in METRICS[s.name][1])): s.value for s in samples}


def value(path: Path, name: str) -> float:
    (found,) = [number for key, number in read(path).items() if key[0] == f"b24_cleanup_{name}"]
    return found


def test_the_file_says_what_the_document_says(tmp_path: Path) -> None:
    metrics = tmp_path / "b24.prom"
    with shop(tmp_path, "--instances", "600", *FAST) as here:
        done = here.call("run", here.rules(RULES), "--metrics-file", "b24.prom", "-o", "json")
        document = yaml.safe_load(done.stdout)
        portal = here.portal
    run, shown = (portal, "rules"), read(metrics)
    for row in document["by_rule"]:
        rule = (*run, row["rule"])
        assert shown["b24_cleanup_selected", *rule] == row["selected"]
        assert shown["b24_cleanup_ended", *rule, "kill"] == row["killed"]
        assert shown["b24_cleanup_ended", *rule, "terminate"] == row["terminated"]
        assert shown["b24_cleanup_failed", *rule] == row["failed"]
        assert shown["b24_cleanup_undecided", *rule] == row.get("undecided", 0)
    assert sum(number for key, number in shown.items() if key[0] == "b24_cleanup_ended") == 600 - _left(document)
    assert shown["b24_cleanup_requests", *run, "sent"] == document["requests"]["sent"]
    assert shown["b24_cleanup_wait_seconds", *run, "operating"] == document["seconds"]["waiting_operating"]
    assert shown["b24_cleanup_exit_code", *run] == 0
    assert 0 < shown["b24_cleanup_duration_seconds", *run] < 60
    assert shown["b24_cleanup_last_success_timestamp_seconds", *run] == pytest.approx(
        shown["b24_cleanup_last_run_timestamp_seconds", *run]
    )
    assert {key[0] for key in shown} <= METRICS.keys()


def _left(document: dict[str, Any]) -> int:
    return int(document["totals"]["listed"] - document["totals"]["selected"])


def test_the_mode_is_0644_whatever_the_umask_and_no_temporary_file_stays(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path / "b24.prom", ended())
    finally:
        os.umask(before)
    assert [file.name for file in tmp_path.iterdir()] == ["b24.prom"]
    assert stat.S_IMODE((tmp_path / "b24.prom").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"exit_code": 3}, True),
        ({"exit_code": 4}, True),
        ({"exit_code": 5, "portal": ""}, True),
        ({"exit_code": 6}, True),
        ({"exit_code": 2, "portal": "", "rules": ""}, True),
        ({"exit_code": 6, "window_over": True}, False),
        ({"exit_code": 0}, False),
    ],
    ids=["some failed", "safety stop", "no webhook", "network", "nothing known", "window over", "done"],
)
def test_the_last_success_is_kept_when_a_run_fails(tmp_path: Path, values: dict[str, Any], kept: bool) -> None:
    file, later = tmp_path / "b24.prom", NIGHT.replace(day=25)
    write(file, ended())
    write(file, ended(at=later, **values))
    assert value(file, "last_success_timestamp_seconds") == (NIGHT if kept else later).timestamp()
    assert value(file, "last_run_timestamp_seconds") == later.timestamp()
    assert value(file, "exit_code") == values["exit_code"]


@pytest.mark.parametrize("before", ["", "no metrics {{{", None])
def test_without_a_success_yet_it_is_0_so_that_the_alert_fires(tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "b24.prom"
    if before is not None:
        file.write_text(before, encoding="utf-8")
    write(file, ended(exit_code=1))
    assert value(file, "last_success_timestamp_seconds") == 0


@pytest.mark.parametrize(
    ("webhook", "rules"),
    [("http://127.0.0.1:9/rest/1/abcdefabcdef/", "version: 1\n"), ("", EVERYTHING)],
    ids=["rules of no use", "no webhook"],
)
def test_an_early_end_is_written_too(tmp_path: Path, webhook: str, rules: str) -> None:
    here = Shop(webhook, tmp_path)
    assert here.call("run", here.rules(rules), "--metrics-file", "b24.prom").returncode == 2
    assert value(tmp_path / "b24.prom", "exit_code") == 2


def test_a_portal_that_another_run_holds_is_written_too(tmp_path: Path) -> None:
    here = Shop("http://127.0.0.1:9/rest/1/abcdefabcdef/", tmp_path)
    with StateDirectory(tmp_path / "state").lock(here.portal):
        assert here.call("run", here.rules(EVERYTHING), "--metrics-file", "b24.prom").returncode == 7
    assert read(tmp_path / "b24.prom")["b24_cleanup_exit_code", here.portal, "rules"] == 7


def test_a_refused_webhook_is_written_too(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "10", "--not-administrator", *FAST) as here:
        assert here.call("run", here.rules(EVERYTHING), "--metrics-file", "b24.prom").returncode == 5
        assert read(tmp_path / "b24.prom")["b24_cleanup_exit_code", here.portal, "rules"] == 5


def test_a_file_that_cannot_be_written_is_told_and_changes_no_exit_code(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "10", *FAST) as here:
        done = here.call("plan", here.rules(EVERYTHING), "--metrics-file", "no/b24.prom")
    assert done.returncode == 0
    assert "no/b24.prom cannot be written" in done.stderr


def test_a_rehearsal_does_not_look_like_a_night(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "10", *FAST) as here:
        assert here.call("run", here.rules(EVERYTHING), "--dry-run", "--metrics-file", "b24.prom").returncode == 0
    assert not (tmp_path / "b24.prom").exists()


def test_the_alert_rules_name_metrics_that_exist() -> None:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 3
    for rule in rules:
        assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
        named = {word for word in _words(rule["expr"]) if word.startswith("b24_")}
        assert named
        assert named <= METRICS.keys()
    assert any("36 * 3600" in rule["expr"] for rule in rules)


def _words(expression: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in expression).split()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian package prometheus) is not installed")
def test_promtool_accepts_the_alert_rules_and_the_metrics(tmp_path: Path) -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True, capture_output=True)
    write(tmp_path / "b24.prom", ended())
    with (tmp_path / "b24.prom").open(encoding="utf-8") as metrics:
        subprocess.run(["promtool", "check", "metrics"], stdin=metrics, check=True, capture_output=True)
