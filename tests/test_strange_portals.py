"""Portals that answer otherwise than documented: nothing is planned or ended on an answer that cannot be relied on."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from cleanup import commands
from cleanup.commands import Result, Setting, Window
from cleanup.config import parse_rules
from cleanup.errors import Busy, CleanupError, StoppedEarly, UsageError
from cleanup.journal import Journal
from cleanup.portal import auth
from cleanup.portal.client import Reader
from cleanup.state_directory import StateDirectory, lock_checkpoint
from tests.conftest import Open
from tests.harness import EVERYTHING
from tests.strange_portal import SECRET, Strange, StrangeError, rows, strange

IDS = [f"5e0b{n:04x}000001.00000000" for n in range(60)]
TEMPLATES = "bizproc.workflow.template.list"
INSTANCES = "bizproc.workflow.instances"
KILL = "bizproc.workflow.kill"
NAMELESS = EVERYTHING.replace("match: everything", "match: {template: {exists: false}}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is given up soon: these tests are not about repeating."""
    monkeypatch.setattr(Reader, "patience", (2, 2.0))


def setting(portal: Strange, folder: Path) -> Setting:
    state = StateDirectory(folder / "state")
    return Setting(state=state, authorization=auth.parse(portal.webhook), console=Console(file=StringIO()))


async def plan(portal: Strange, folder: Path, text: str = EVERYTHING, **options: Any) -> Result:
    rules = parse_rules(text, str(folder / "rules.yaml"))
    chosen: dict[str, Any] = {"checkpoint": None, "now": None, "include_locked": False} | options
    return await commands.plan(setting(portal, folder), rules, **chosen)


async def apply(portal: Strange, folder: Path, **window: Any) -> Result:
    here = setting(portal, folder)
    with Journal.open(here.state.find("last")) as journal:
        return await commands.apply(here, journal, Window(**window))


def unordered(_: Mapping[str, list[str]]) -> Any:
    return [{"ID": str(number), "NAME": f"Template {number}"} for number in range(120, 70, -1)]


@pytest.mark.parametrize(
    "templates",
    [
        pytest.param(unordered, id="in another order"),
        pytest.param(lambda _: {"ID": "1"}, id="no list"),
        pytest.param(lambda _: [{"NAME": "x"}], id="a row without an ID"),
    ],
)
async def test_a_list_of_templates_that_may_be_partial_is_not_planned_on(tmp_path: Path, templates: Any) -> None:
    """An ID that is missing from it would make `template: {exists: false}` true."""
    async with strange(methods={TEMPLATES: templates, INSTANCES: rows(*IDS)}) as portal:
        with pytest.raises(StoppedEarly):
            await plan(portal, tmp_path, NAMELESS)
        assert not portal.made(KILL)


async def test_a_short_page_of_templates_is_not_taken_for_the_end(tmp_path: Path) -> None:
    """Ten a page: template 35 is found all the same."""

    def ten_at_a_time(parameters: Mapping[str, list[str]]) -> Any:
        after = parameters["FILTER[>ID]"][0]
        after = after if after.isdigit() else "1000"
        return [{"ID": str(n), "NAME": f"T{n}"} for n in range(1, 41) if n > int(after)][:10]

    instances = rows(*IDS[:3], TEMPLATE_ID="35")
    async with strange(methods={TEMPLATES: ten_at_a_time, INSTANCES: instances}) as portal:
        assert (await plan(portal, tmp_path, NAMELESS)).document["totals"]["selected"] == 0


async def test_a_portal_that_counts_more_than_it_lists_is_not_planned_on(tmp_path: Path) -> None:
    async with strange(methods={INSTANCES: rows(*IDS)}, totals={INSTANCES: 500}) as portal:
        planned = await plan(portal, tmp_path)
        assert planned.exit_code == 4
        assert "is not planned on" in planned.message
        with pytest.raises(UsageError, match="not complete"):
            await apply(portal, tmp_path)


async def test_a_count_of_nothing_does_not_switch_the_share_off(tmp_path: Path) -> None:
    text = EVERYTHING.replace("max_percent: off", "max_percent: 25")
    async with strange(methods={INSTANCES: rows(*IDS)}, totals={INSTANCES: 0}) as portal:
        await plan(portal, tmp_path, text)
        refused = await apply(portal, tmp_path)
        assert refused.exit_code == 4
        assert "100.0 %" in refused.message
        assert not portal.made(KILL)


async def test_the_secret_is_taken_out_of_what_a_portal_repeats(tmp_path: Path) -> None:
    """A proxy's error tells the path that was asked; so may the error of one call."""

    def tells_the_path(_: Mapping[str, list[str]]) -> Any:
        raise StrangeError("", f"cannot do /rest/1/{SECRET}/batch")

    async with strange(methods={INSTANCES: rows(*IDS[:8]), KILL: tells_the_path}) as portal:
        await plan(portal, tmp_path)
        applied = await apply(portal, tmp_path)
        assert applied.exit_code == 3
        assert SECRET not in json.dumps(applied.document) + applied.message
        portal.whole = lambda request: web.json_response(
            {"error": "NO_ROUTE", "error_description": f"no route {request.path}"}, status=400
        )
        with pytest.raises(CleanupError) as caught:
            await plan(portal, tmp_path)
        assert "NO_ROUTE" in str(caught.value)
        assert SECRET not in str(caught.value)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 2
    assert not any(SECRET.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("secret", ["se%20cret00", "k%C3%A4y0secret", "plain0secret"])
def test_every_form_of_a_secret_is_hidden(secret: str) -> None:
    webhook = auth.parse(f"https://acme.bitrix24.ru/rest/1/{secret}/")
    from urllib.parse import unquote

    for form in (secret, unquote(secret)):
        assert form not in webhook.redact(f"GET /rest/1/{form}/batch: {form}")
        assert form not in repr(webhook) + str(webhook)


def test_a_host_with_a_dot_behind_it_is_the_same_portal() -> None:
    names = ("acme.bitrix24.ru", "acme.bitrix24.ru.", "ACME.bitrix24.RU", "acme.bitrix24.ru:443")
    assert len({auth.parse(f"https://{name}/rest/1/secret000/").portal for name in names}) == 1


@pytest.mark.parametrize("status", [502, 504, 408])
async def test_an_error_in_json_from_before_the_portal_proves_nothing(tmp_path: Path, status: int) -> None:
    """A gateway's words in JSON say no more about what was done than its web page does."""
    answers = iter([False, True])

    def gateway(request: web.Request) -> web.Response | None:
        if portal.made(KILL) and not next(answers, True):
            return web.json_response({"error": "GATEWAY", "error_description": "upstream"}, status=status)
        return None

    listed = rows(*IDS[:10])
    async with strange(methods={INSTANCES: lambda p: [] if portal.made(KILL) else listed(p)}) as portal:
        portal.whole = gateway
        await plan(portal, tmp_path)
        applied = await apply(portal, tmp_path)
        assert applied.document["totals"]["killed"] == 10


async def test_a_portal_that_leaves_every_kill_out_of_its_answer_is_given_up(tmp_path: Path) -> None:
    def skipped(_: Mapping[str, list[str]]) -> Any:
        raise KeyError

    text = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 10")
    async with strange(methods={INSTANCES: rows(*IDS), KILL: skipped}) as portal:
        await plan(portal, tmp_path, text)
        applied = await apply(portal, tmp_path)
        assert applied.exit_code == 4
        assert "max_failed_percent" in applied.message
        assert len(portal.made(KILL)) < 3 * len(IDS)


@pytest.mark.parametrize("location", ["http://[", "https://evil.example:99999/rest/1/x/batch", "//"])
async def test_a_redirect_to_nowhere_is_one_clear_message(tmp_path: Path, location: str) -> None:
    async with strange() as portal:
        portal.whole = lambda _: web.Response(status=302, headers={"Location": location})
        with pytest.raises(StoppedEarly) as caught:
            await plan(portal, tmp_path)
        assert SECRET not in str(caught.value)


async def test_what_is_being_executed_is_left_alone_whatever_the_plan_calls_now(bench: Open) -> None:
    """--now may be ahead of the portal's clock; its locks are judged by the clock."""
    async with bench(instances=300, seed=3) as here:
        row = here.sandbox.world.population[5]
        here.sandbox.world.put(row._replace(owned_until=int(datetime.now(UTC).timestamp()) + 200))
        ahead = datetime.now(UTC) + timedelta(hours=2)
        planned = await here.plan(EVERYTHING, now=ahead)
        assert planned.document["totals"]["locked"] >= 1
        assert any("ahead of the portal's clock" in warning for warning in planned.document["warnings"])
        stopped = await here.apply()
        assert stopped.exit_code == 4
        assert "ahead of the portal's clock" in stopped.message
        assert not here.ended()


async def test_the_oldest_generation_is_planned_and_purged(bench: Open) -> None:
    async with bench(instances=400, seed=3, generation="G1") as here:
        planned = await here.plan(EVERYTHING)
        assert planned.document["totals"]["listed"] == 400
        assert (await here.apply()).exit_code == 0
        assert len(here.ended()) == planned.document["totals"]["selected"]


async def test_protection_that_means_no_template_is_an_error(bench: Open) -> None:
    text = EVERYTHING.replace("rules:", "protect: [{id: pay, match: {template: {glob: 'Зарплта*'}}}]\nrules:")
    async with bench(instances=50, seed=3) as here:
        with pytest.raises(UsageError, match=r"has no template \{glob"):
            await here.plan(text)


async def test_a_pattern_in_a_rule_that_means_no_template_is_a_warning(bench: Open) -> None:
    text = EVERYTHING.replace("match: everything", "match: {template: {glob: 'Зарплта*'}}")
    async with bench(instances=50, seed=3) as here:
        warnings = (await here.plan(text)).document["warnings"]
        assert any("no template of this portal is called" in warning for warning in warnings)


async def test_a_run_into_a_named_file_finishes_that_file_and_stops_there(bench: Open) -> None:
    async with bench(instances=600, seed=3, kill_seconds=0.05) as here:
        file = here.folder / "night.sqlite"
        rules = here.rules(EVERYTHING)

        async def run(**window: Any) -> Result:
            return await commands.run(
                here.setting, rules, Window(**window), checkpoint=file, now=None, include_locked=True
            )

        assert (await run(seconds=2.0)).exit_code == 6
        finished = await run()
        assert (finished.exit_code, finished.document["totals"]["pending"]) == (0, 0)
        with pytest.raises(UsageError, match="not overwritten"):
            await run()


async def test_what_was_finished_first_is_told_when_nothing_new_can_be_planned(bench: Open) -> None:
    async with bench(instances=400, seed=3, kill_seconds=0.03) as here:
        await here.plan(EVERYTHING)
        assert (await here.apply(seconds=0.8)).exit_code == 6
        taken = here.folder / "taken.sqlite"
        taken.write_bytes(b"something else")
        rules = here.rules(EVERYTHING)
        ended = await commands.run(here.setting, rules, Window(), checkpoint=taken, now=None, include_locked=False)
        assert ended.exit_code == ended.document["exit"] == 2
        assert "was finished first" in ended.message
        assert ended.document["totals"]["killed"] == here.sandbox.ledger.kills_effective > 0
        assert ended.document["totals"]["pending"] == 0


async def test_an_old_run_that_cannot_be_settled_does_not_stand_in_the_way(bench: Open) -> None:
    async with bench(instances=200, seed=3, kill_seconds=0.02) as here:
        first = (await here.plan(EVERYTHING)).document["checkpoint"]
        with Journal.open(Path(first)) as journal:
            now = datetime.now(UTC)
            journal.begin_apply(now)
            journal.claim([entry.id for entry in journal.planned("", 5)], now=now, quiet_at=now)
        with lock_checkpoint(Path(first)):
            ended = await here.run(EVERYTHING.replace("match: everything", "match: {id: none}"))
        assert ended.exit_code == 0


def test_a_file_that_was_used_again_is_one_run(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    file = tmp_path / "again.sqlite"
    for run in ("20260101-000000-aaaaaa", "20260102-000000-bbbbbb"):
        state.checkpoint(run, file)
    file.write_bytes(b"x")
    assert state.runs() == {"20260102-000000-bbbbbb": file}


async def test_a_checkpoint_that_is_no_file_is_left_as_it_is(bench: Open) -> None:
    import os

    async with bench(instances=20, seed=3) as here:
        pipe = here.folder / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(UsageError, match="is no file"):
            await here.plan(EVERYTHING, checkpoint=pipe)
        assert pipe.is_fifo()


async def test_a_file_that_was_cut_off_before_its_first_page_is_begun_again(bench: Open) -> None:
    async with bench(instances=60, seed=3) as here:
        file = here.folder / "cut.sqlite"
        file.touch()
        assert (await here.plan(EVERYTHING, checkpoint=file)).exit_code == 0


async def test_one_checkpoint_is_not_applied_by_two_state_directories(bench: Open) -> None:
    async with bench(instances=60, seed=3) as here:
        await here.plan(EVERYTHING)
        other = dataclasses.replace(here.setting, state=StateDirectory(here.folder / "other"))
        with here.journal() as journal, lock_checkpoint(journal.path), pytest.raises(Busy):
            await commands.apply(other, journal, Window())
        assert not here.ended()


async def test_the_rules_file_is_found_from_another_folder(bench: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(instances=60, seed=3) as here:
        monkeypatch.chdir(here.folder)
        Path("rules.yaml").write_text(EVERYTHING, encoding="utf-8")
        rules = parse_rules(EVERYTHING, "rules.yaml")
        await commands.plan(here.setting, rules, checkpoint=None, now=None, include_locked=False)
        Path("rules.yaml").write_text("version: [", encoding="utf-8")
        monkeypatch.chdir("/")
        refused = await here.apply()
        assert refused.exit_code == 4
        assert "changed after the plan" in refused.message


def test_a_foreign_database_is_not_touched(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    file = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE t (x)")
    before = file.read_bytes()
    with pytest.raises(UsageError, match="not a checkpoint"):
        Journal.open(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["other.sqlite"]


def test_nobody_is_busy_because_somebody_looked(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    state = StateDirectory(tmp_path)
    with state.lock("acme"):
        pass
    with ThreadPoolExecutor() as looker:
        looking = [looker.submit(state.held, "acme") for _ in range(200)]
        for _ in range(50):
            with state.lock("acme"):
                pass
        assert all(isinstance(each.result(), bool) for each in looking)
