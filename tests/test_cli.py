"""The command line's contract: documents, exit codes, tables, options. Each call is a process of its own."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cleanup.cli.window import seconds_until
from cleanup.reports.tables import COLUMNS
from tests.harness import EVERYTHING, RULES, Shop, shop, sums_hold

FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001")
TOTALS = {"listed", "protected", "kept", "no_match", "undecided", "locked", "selected"}
ENDS = {"pending", "killed", "terminated", "already_gone", "changed", "failed"}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A portal with a plan on which nothing is ended."""
    with shop(tmp_path_factory.mktemp("still"), "--instances", "500", *FAST) as opened:
        opened.rules(RULES)
        assert opened.call("plan", "rules.yaml").returncode == 0
        yield opened
        assert opened.ledger()["kills_effective"] == 0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, "--instances", "500", *FAST) as opened:
        yield opened


def read(here: Shop, *words: str, code: int = 0) -> dict[str, Any]:
    done = here.call(*words, "-o", "json")
    assert done.returncode == code, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    assert shown["exit"] == code
    return shown


def test_the_document_of_each_verb(here: Shop) -> None:
    """DESIGN.md 3, to the key."""
    rules = here.rules(RULES)
    states = []
    for verb, words in (
        ("plan", ("plan", rules)),
        ("status", ("status", "last")),
        ("apply", ("apply", "last", "--confirm", here.portal)),
        ("run", ("run", rules)),
    ):
        shown = read(here, *words)
        assert shown["verb"] == verb
        assert shown["portal"] == here.portal
        assert Path(shown["checkpoint"]).is_file()
        assert set(shown["rules"]) == {"file", "digest"}
        assert shown["totals"].keys() == TOTALS | ENDS
        assert shown["requests"].keys() == {"sent", "retried", "query_limit", "operation_limit"}
        assert shown["seconds"].keys() == {"wall", "waiting_rate", "waiting_operating"}
        assert all({"rule", "action", "selected", "killed"} <= row.keys() for row in shown["by_rule"])
        assert datetime.fromisoformat(shown["now"]).tzinfo
        assert sums_hold(shown)
        states.append(shown["state"])
    assert states == ["planned", "planned", "finished", "finished"]


def test_detailed_exitcode_tells_whether_the_plan_is_empty(still: Shop) -> None:
    assert still.call("plan", "rules.yaml", "--detailed-exitcode").returncode == 10
    nothing = EVERYTHING.replace("match: everything", "{}").replace("{}", "match: {id: none}")
    (still.folder / "nothing.yaml").write_text(nothing, encoding="utf-8")
    assert still.call("plan", "nothing.yaml", "--detailed-exitcode").returncode == 0


def test_a_plan_is_judged_as_of_its_now(still: Shop) -> None:
    (still.folder / "old.yaml").write_text(
        EVERYTHING.replace("match: everything", "match: {started: {older_than: 90d}}"), encoding="utf-8"
    )
    today = read(still, "plan", "old.yaml")["totals"]["selected"]
    past = (datetime.now().astimezone() - timedelta(days=400)).isoformat(timespec="seconds")
    shown = read(still, "plan", "old.yaml", "--now", past)
    assert datetime.fromisoformat(shown["now"]) == datetime.fromisoformat(past)
    assert 0 < shown["totals"]["selected"] < today


def test_the_report_has_a_row_an_entry_in_csv_and_in_json(still: Shop) -> None:
    shown = read(still, "plan", "rules.yaml")
    table = list(csv.DictReader(io.StringIO(still.call("report", shown["run"], "--format", "csv").stdout)))
    rows = json.loads(still.call("report", shown["run"], "--format", "json").stdout)
    assert len(table) == len(rows) == shown["totals"]["selected"]
    assert tuple(table[0]) == COLUMNS == tuple(rows[0])
    assert {row["status"] for row in rows} == {"pending"}
    assert {(row["rule"], row["action"]) for row in rows} == {("hung", "terminate"), ("old", "kill")}
    assert all(re.fullmatch(r"stopped by hung, run \S+|", row["reason"]) for row in rows)


def test_the_report_goes_to_the_file_that_is_named(still: Shop) -> None:
    """-o, --output and --file are one; “-” is stdout. A CSV file says that it is UTF-8; stdout does not."""
    shown = read(still, "plan", "rules.yaml")
    for option in ("-o", "--output", "--file"):
        assert still.call("report", shown["run"], option, "rows.csv").stdout == ""
        written = (still.folder / "rows.csv").read_bytes().decode()
        assert written == "\ufeff" + still.call("report", shown["run"], "-o", "-").stdout.replace("\n", "\r\n")
        (still.folder / "rows.csv").unlink()
    lines = still.call("report", shown["run"], "--format", "jsonl").stdout.splitlines()
    assert len([json.loads(line) for line in lines]) == shown["totals"]["selected"]


def test_a_form_in_the_place_of_a_file_is_explained(still: Shop) -> None:
    done = still.call("report", "last", "-o", "json")
    assert done.returncode == 2
    assert "--format json" in done.stderr
    assert not (still.folder / "json").exists()


def test_the_page_is_in_the_language_of_the_locale_or_of_the_option(still: Shop) -> None:
    words = ("report", "last", "--format", "html", "-o", "page.html")
    for more, environment, language in (
        ((), {"LC_ALL": "ru_RU.UTF-8"}, "ru"),
        ((), {"LC_ALL": "C.UTF-8"}, "en"),
        (("--lang", "en"), {"LC_ALL": "ru_RU.UTF-8"}, "en"),
    ):
        assert still.call(*words, *more, **environment).returncode == 0
        assert f'<html lang="{language}">' in (still.folder / "page.html").read_text(encoding="utf-8")
    assert (still.folder / "page.html").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_says_what_it_would_do(still: Shop) -> None:
    planned = read(still, "plan", "rules.yaml")
    shown = read(still, "apply", planned["run"], "--dry-run")
    assert shown["dry_run"]["would_end"] == planned["totals"]["selected"]
    text = still.call("apply", planned["run"], "--dry-run").stdout
    assert "Nothing was sent" in text


def test_max_kill_is_a_cap_and_not_a_batch_size(still: Shop) -> None:
    read(still, "apply", "last", "--confirm", still.portal, "--max-kill", "3", code=4)


def test_a_window_that_is_over_stops_and_says_how_to_go_on(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "1500", "--licence", "ru_selfhosted", "--kill-seconds", "0.05") as here:
        assert here.call("plan", here.rules(EVERYTHING), "--include-locked").returncode == 0
        done = here.call("apply", "last", "--confirm", here.portal, "--max-duration", "1s")
        assert done.returncode == 6
        resume = re.search(r"b24-cleanup (apply \S+ --confirm \S+)", done.stderr)
        assert resume
        assert read(here, "status", "last")["state"] == "stopped"
        assert here.call(*resume[1].split()).returncode == 0
        ledger = here.ledger()
        assert (ledger["kills_effective"], ledger["kills_repeated"]) == (1500, 0)


def test_failures_exit_with_3_and_verify_finds_nothing_left(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "300", *FAST, "--poison", "4") as here:
        here.call("plan", here.rules(EVERYTHING), "--include-locked")
        shown = read(here, "apply", "last", "--confirm", here.portal, code=3)
        assert (shown["totals"]["killed"], shown["totals"]["failed"]) == (296, 4)
        assert read(here, "verify", "last") == {**read(here, "verify", "last"), "asked": 296, "survived": []}


def test_verify_finds_what_came_back(tmp_path: Path) -> None:
    """PORTAL.md 7: old portals insert the row of an instance again that was just being executed."""
    with shop(tmp_path, "--instances", "50", *FAST) as here:
        here.call("run", here.rules(EVERYTHING), "--include-locked")
        assert read(here, "verify", "last")["asked"] == 50


def test_runs_lists_them_all_oldest_first(still: Shop) -> None:
    shown = json.loads(still.call("runs", "-o", "json").stdout)
    assert [run["run"] for run in shown] == sorted(run["run"] for run in shown)
    text = still.call("runs").stdout
    assert all(run["run"] in text for run in shown), "an id is never cut short: it is what one types next"


def test_validate_is_offline(still: Shop) -> None:
    done = still.call("validate", "rules.yaml", B24_WEBHOOK_URL="")
    assert done.returncode == 0
    assert "no fault" in done.stdout


def test_check_as_json(still: Shop) -> None:
    done = still.call("check", "-o", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["portal"] == still.portal


@pytest.mark.parametrize(
    ("night", "until", "hours"),
    [
        pytest.param("2026-03-29T00:30:00+01:00", "06:30", 5, id="an hour is skipped"),
        pytest.param("2026-10-25T00:30:00+02:00", "06:30", 7, id="an hour comes twice"),
        pytest.param("2026-07-31T23:30:00+02:00", "06:30", 7, id="the month ends"),
    ],
)
def test_until_is_a_time_on_the_wall_also_when_clocks_change(
    monkeypatch: pytest.MonkeyPatch, night: str, until: str, hours: float
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: datetime.fromisoformat(night).timestamp())
    try:
        assert seconds_until(until) == hours * 3600
    finally:
        monkeypatch.undo()
        time.tzset()
