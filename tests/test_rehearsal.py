"""A purge rehearsed on a copy of one's own portal: what `plan --record all` recorded, `sandbox --from` shows again."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cleanup.journal import Journal
from cleanup.model import Decision, Instance, Verdict
from cleanup.reports.copy import write_copy
from cleanup.sandbox import Sandbox, Settings
from cleanup.sandbox.copies import read_copy
from tests.harness import EVERYTHING, RULES, Bench, Shop, shop
from tests.reports.journals import TEMPLATES, head

FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001")
#: Pinned to a portal, every clause of its kind, and nothing young is selected: so the listing stops before its end.
PINNED = """\
version: 1
portal: PORTAL
limits: {max_kill: off, max_percent: off}
protect:
  - {id: deals, match: {document_type: deal, started: {newer_than: 200d}}}
rules:
  - {id: robots, match: {template: {exists: false}, document_type: [lead, contact]}, action: keep}
  - {id: hung, match: {stuck: {longer_than: 2h}, started: {older_than: 30d}}, action: terminate}
  - {id: approvals, match: {template: {glob: "Согласование*"}, started: {older_than: 60d}}, action: kill}
  - {id: leads, match: {document_type: lead, started: {older_than: 90d}, modified: {older_than: 30d}}, action: kill}
"""
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def document(here: Shop, *words: str, **environment: str) -> dict[str, Any]:
    done = here.call(*words, "-o", "json", **environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def selected(here: Shop, run: str) -> dict[str, tuple[str, str]]:
    rows = json.loads(here.call("report", run, "--format", "json").stdout)
    return {row["id"]: (row["rule"], row["action"]) for row in rows}


def told_by(here: Shop) -> list[dict[str, Any]]:
    """All rows; an empty text and the number 0 say that there is none, as null does (PORTAL.md 6)."""
    return [
        {name: None if value in {"", "0"} else value for name, value in row.items()} for row in here.ask("instances")
    ]


@contextmanager
def copy_of(here: Shop, run: str, *words: str) -> Iterator[tuple[Shop, str]]:
    """A sandbox with what that run recorded, started as a user starts it, and what it prints."""
    process = here.start("sandbox", "--from", run, "--port", "0", *FAST, *words)
    assert process.stdout is not None
    try:
        webhook = process.stdout.readline().strip()
        told = "".join(iter(process.stdout.readline, "b24-cleanup verify last\n"))
        yield Shop(webhook, here.folder), told
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_the_same_rules_select_the_same_on_the_copy_and_the_purge_can_be_rehearsed(tmp_path: Path) -> None:
    """The rules file is pinned to the real portal and stays as it is; the commands are those that are printed."""
    with shop(tmp_path, "--instances", "4000", "--seed", "7", *FAST) as real:
        rules = real.rules(PINNED.replace("PORTAL", real.portal))
        planned = document(real, "plan", rules, "--record", "all")
        rows = told_by(real)
        assert real.ledger()["kills_effective"] == 0
    assert planned["totals"]["listed"] < len(rows), "the youngest are not judged, but copied"
    with copy_of(real, planned["run"]) as (copy, told):
        assert told_by(copy) == rows
        assert f"A copy of {real.portal} with its 4,000 instances" in told
        words = re.search(r"^b24-cleanup (plan .*)$", told, re.MULTILINE)
        assert words
        rehearsed = document(copy, *words[1].split())
        assert rehearsed["totals"] == planned["totals"]
        assert rehearsed["by_rule"] == planned["by_rule"]
        assert rehearsed["undecided"] == planned["undecided"]
        assert rehearsed["population"] == planned["population"]
        assert rehearsed["templates"] == planned["templates"]
        assert selected(copy, rehearsed["run"]) == selected(real, planned["run"])
        done = copy.call("apply", "last", "--confirm", copy.portal)
        assert done.returncode == 0, done.stderr
        assert copy.ledger()["kills_effective"] == planned["totals"]["selected"] > 100
        refused = copy.call("apply", planned["run"], "--confirm", real.portal)
        assert refused.returncode == 4
        assert "the webhook is of" in refused.stderr


def test_what_a_copy_cannot_tell_is_said_and_selects_nothing_there(tmp_path: Path) -> None:
    rules = """\
version: 1
limits: {max_kill: off, max_percent: off}
rules:
  - {id: nobody, match: {assigned_to: {all_dismissed: true}}, action: kill}
  - {id: gone, match: {document_exists: false}, action: kill}
  - {id: older, match: {newest_of: {by: document, keep: 1}}, action: kill}
"""
    with shop(tmp_path, "--instances", "400", *FAST) as real:
        planned = document(real, "plan", real.rules(rules), "--record", "all")
    with copy_of(real, "last") as (copy, _):
        rehearsed = document(copy, "plan", "rules.yaml", "--rehearsal")
    selects = [{row["rule"] for row in each["by_rule"] if row["selected"]} for each in (planned, rehearsed)]
    assert ({"nobody", "gone"} <= selects[0], selects[1] - {"older"}) == (True, set())
    assert any("is not rehearsed: nobody, gone" in warning for warning in rehearsed["warnings"])


def test_a_plan_of_what_is_being_executed_is_rehearsed_as_such(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "300", *FAST) as real:
        planned = document(real, "plan", real.rules(EVERYTHING), "--record", "all", "--include-locked")
    with copy_of(real, "last") as (copy, told):
        words = re.search(r"^b24-cleanup (plan .*)$", told, re.MULTILINE)
        assert words
        assert document(copy, *words[1].split())["totals"] == planned["totals"]


def test_a_listing_that_was_cut_off_still_gives_a_whole_copy(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "9000", "--list-seconds", "0.01", *FAST) as real:
        plan = ("plan", real.rules(RULES), "--record", "all", "--checkpoint", "run.sqlite")
        process = real.start(*plan)
        until = time.monotonic() + 60
        while real.ledger()["calls"].get("bizproc.workflow.instances", 0) < 60 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        refused = real.call("sandbox", "--from", "run.sqlite")
        assert (refused.returncode, "is not complete" in refused.stderr) == (2, True)
        planned = document(real, *plan)
        ids = {row["ID"] for row in real.ask("instances")}
    with Journal.open(tmp_path / "run.sqlite", readonly=True) as journal:
        assert {each.id for each in journal.copied()} == ids
        assert journal.listed() == planned["totals"]["listed"]


def test_a_plan_that_recorded_only_what_it_selects_is_refused_with_the_command_to_use(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "300", *FAST) as real:
        run = document(real, "plan", real.rules(RULES))["run"]
    refused = real.call("sandbox", "--from", "last")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert run in refused.stderr
    assert refused.stderr.rstrip().endswith(f"b24-cleanup plan {tmp_path / 'rules.yaml'} --record all")


def test_a_pinned_rules_file_runs_nowhere_else_unless_it_is_a_rehearsal_on_this_machine(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "50", *FAST) as here:
        rules = here.rules(PINNED.replace("PORTAL", "acme.bitrix24.ru"))
        refused = here.call("plan", rules)
        assert refused.returncode == 4
        assert "--rehearsal" in refused.stderr
        assert here.call("run", rules).returncode == 4
        assert here.call("plan", rules, "--rehearsal").returncode == 0
    elsewhere = here.call("plan", rules, "--rehearsal", B24_WEBHOOK_URL="https://acme.bitrix24.ru/rest/1/secret0/")
    assert elsewhere.returncode == 4
    assert "on this machine" in elsewhere.stderr


def test_more_is_not_recorded_in_the_middle_of_a_listing(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "9000", "--list-seconds", "0.01", *FAST) as here:
        plan = ("plan", here.rules(RULES), "--checkpoint", "run.sqlite")
        process = here.start(*plan)
        until = time.monotonic() + 60
        while here.ledger()["calls"].get("bizproc.workflow.instances", 0) < 60 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert "without --record all" in here.call(*plan, "--record", "all").stderr
        assert here.call(*plan).returncode == 0


def strange() -> list[Instance]:
    """Every field once with a value, once without, and once unreadable."""
    whole = Instance(
        id="66e412fdc9bd44.36306599",
        template_id=3,
        module="crm",
        entity="CCrmDocumentLead",
        document_id="LEAD_7",
        started=NOW - timedelta(days=9),
        started_by=5,
        modified=NOW - timedelta(days=3),
        owned_until=NOW + timedelta(seconds=120),
    )
    names = ["template_id", "module", "entity", "document_id", "started", "started_by", "modified", "owned_until"]
    lacking = [replace(whole, id=f"66e412fdc9bd4{place}.00000001", **{name: None}) for place, name in enumerate(names)]
    garbled = [
        replace(each, id=each.id[:-1] + "2", unreadable=frozenset({name}))
        for each, name in zip(lacking, names, strict=True)
    ]
    return [*lacking, *garbled, whole, replace(whole, id="zz-not-of-the-usual-shape")]


async def test_the_copy_has_every_value_and_every_gap_of_the_original(tmp_path: Path) -> None:
    """As the client reads them: what was absent is absent, what was unreadable is unreadable."""
    with Journal.create(tmp_path / "run.sqlite", head(record="all", present=NOW.isoformat())) as journal:
        journal.save_templates(TEMPLATES)
        unmatched = Verdict(decision=Decision.NO_MATCH)
        journal.plan([(each, unmatched) for each in strange()[:9]], strange()[8].id)
        journal.copy(strange()[9:], strange()[-1].id)
        journal.finish_plan(len(strange()))
        with (tmp_path / "copy.jsonl").open("w", encoding="utf-8") as target:
            write_copy(journal, target)
    async with Sandbox(Settings(source=tmp_path / "copy.jsonl", licence="ru_selfhosted")) as sandbox:
        found = await Bench(sandbox, tmp_path).plan(record="all")
        with Journal.open(Path(found.document["checkpoint"]), readonly=True) as again:
            assert list(again.copied()) == sorted(strange(), key=lambda each: each.id)
            assert again.templates() == TEMPLATES
            moment = datetime.fromisoformat(again.head().present)
            assert timedelta(0) <= moment - NOW < timedelta(minutes=2), "its clock goes on from the copy's moment"


def test_a_file_that_is_no_copy_is_refused_by_the_sandbox_with_one_message(tmp_path: Path) -> None:
    for content in (b"", b"{}\n", b"SQLite format 3\x00\xff\xfe", b'{"copy_of": "a"}\n[]\n'):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(ValueError, match="is no copy of a portal"):
            read_copy(tmp_path / "file")
    words = [sys.executable, "-m", "cleanup.sandbox", "--from"]
    for more in ("missing",), ("file", "--instances", "9"):
        done = subprocess.run([*words, *more], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2
        assert "error:" in done.stderr
