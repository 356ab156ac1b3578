"""Guards when it counts: a rule that selects nearly all, a list cut short, another portal's data, an edited plan."""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cleanup import commands
from cleanup.commands import Setting
from cleanup.config import parse_rules
from cleanup.errors import UsageError
from cleanup.journal import Journal
from cleanup.model import State
from cleanup.portal import auth
from cleanup.sandbox import Row, Sandbox, Settings
from cleanup.state_directory import StateDirectory
from tests.conftest import Open
from tests.harness import EVERYTHING, Bench, sums_hold
from tests.strange_portal import Strange, rows, strange

INSTANCES = "bizproc.workflow.instances"
KILL = "bizproc.workflow.kill"


# A rule that turns out to select nearly everything


@pytest.mark.parametrize("verb", ["apply", "run"])
async def test_a_rule_that_selects_nine_tenths_ends_nothing(bench: Open, verb: str) -> None:
    """Under the limits that hold where the rules file says nothing."""
    rules = EVERYTHING.replace("limits: {max_kill: off, max_percent: off, max_failed_percent: off}\n", "")
    rules = rules.replace("match: everything", "match: {started: {older_than: 15m}}")
    async with bench(instances=400, seed=3) as here:
        planned = await here.plan(rules)
        assert planned.document["totals"]["selected"] > 0.85 * 400
        refused = await (here.apply() if verb == "apply" else here.run(rules))
        assert refused.exit_code == 4
        assert "max_percent" in refused.message
        assert not here.ended()


# A listing that is cut short


def _cut(portal: Strange, *, all_ids: list[str], shown: int) -> Any:
    """Lists only the first of its instances, and counts all of them as it is asked to."""
    listed = rows(*all_ids[:shown])

    def answer(parameters: Mapping[str, list[str]]) -> Any:
        after, until = (
            parameters.get(f"FILTER[{bound}ID]", [default])[0] for bound, default in ((">", ""), ("<=", "g"))
        )
        portal.totals[INSTANCES] = sum(after < one <= until for one in all_ids)
        return listed(parameters)

    return answer


@pytest.mark.parametrize(
    "match",
    [
        pytest.param("everything", id="to the end"),
        pytest.param("{started: {older_than: 300d}}", id="bound by starts"),
    ],
)
async def test_a_list_that_is_cut_short_is_never_planned_as_complete(tmp_path: Path, match: str) -> None:
    text = EVERYTHING.replace("match: everything", f"match: {match}")
    ids = [f"5e0b{n:04x}000001.00000000" for n in range(400)]
    async with strange() as portal:
        portal.methods[INSTANCES] = _cut(portal, all_ids=ids, shown=150)
        state = StateDirectory(tmp_path / "state")
        here = Setting(state=state, authorization=auth.parse(portal.webhook), console=Console(file=StringIO()))
        rules = parse_rules(text, str(tmp_path / "rules.yaml"))
        planned = await commands.plan(here, rules, checkpoint=None, now=None, include_locked=False)
        assert planned.exit_code == 4
        assert planned.document["state"] == "stopped"
        assert "is not planned on" in planned.message
        with Journal.open(state.find("last")) as journal, pytest.raises(UsageError, match="not complete"):
            await commands.apply(here, journal, commands.Window())
        assert not portal.made(KILL)


# A portal that answers another portal's data


def _replace_population(here: Bench, seed: int) -> None:
    """As behind a restored backup or a proxy that leads elsewhere: the same address, other instances."""
    world = here.sandbox.world
    for row in world.alive:
        world.remove(row.id)
    for row in Sandbox(Settings(seed=seed, instances=len(world.population))).world.population:
        world.put(row)


async def test_another_portals_data_stops_the_run_and_the_plan_stays_as_it_was(bench: Open) -> None:
    async with bench(instances=300, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        _replace_population(here, seed=4)
        for verb in (here.apply, lambda: here.run(EVERYTHING, include_locked=True)):
            stopped = await verb()
            assert stopped.exit_code == 4
            assert "may not be the portal" in stopped.message
            assert stopped.document["totals"]["pending"] == 300
            assert sums_hold(stopped.document)
            assert not here.ended()


@pytest.mark.parametrize("change", ["", "# a comment\n"], ids=["to be gone on with", "only to be settled"])
async def test_what_is_in_doubt_is_not_settled_on_another_portals_data(bench: Open, change: str) -> None:
    """A process that died after its first claim, before anything was known to be ended."""
    async with bench(instances=300, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        with here.journal() as journal:
            now = datetime.now(UTC)
            journal.claim([entry.id for entry in journal.planned("", 50)], now=now, quiet_at=now)
        _replace_population(here, seed=4)
        here.rules(EVERYTHING + change)
        assert (await here.apply()).exit_code == 4
        with here.journal() as journal:
            assert journal.state_counts() == {State.SENT: 50, State.PLANNED: 250}


async def test_documents_that_all_changed_stop_the_run(bench: Open) -> None:
    """The same IDs with other documents: a copy of the portal that went its own way."""
    async with bench(instances=100, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        _change(here, here.sandbox.world.alive, document_id="LEAD_0")
        assert (await here.apply()).exit_code == 4
        assert not here.ended()


def _change(here: Bench, chosen: list[Row], **fields: Any) -> None:
    for row in chosen:
        here.sandbox.world.put(row._replace(**fields))


async def test_that_some_ended_by_themselves_is_normal(bench: Open) -> None:
    async with bench(instances=300, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        for row in here.sandbox.world.alive[:140]:
            here.sandbox.world.remove(row.id)
        applied = await here.apply()
        assert applied.exit_code == 0
        assert applied.document["totals"]["already_gone"] == 140
        assert len(here.ended()) == 160


async def test_a_small_plan_says_nothing_about_the_portal(bench: Open) -> None:
    async with bench(instances=19, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        for row in here.sandbox.world.alive:
            here.sandbox.world.remove(row.id)
        applied = await here.apply()
        assert (applied.exit_code, applied.document["totals"]["already_gone"]) == (0, 19)


async def test_a_plan_that_was_partly_applied_goes_on_whatever_others_ended(bench: Open) -> None:
    """Its first kills have proved the portal; the rest may be gone because somebody finished the work."""
    async with bench(instances=600, seed=3, kill_seconds=0.02) as here:
        await here.plan(EVERYTHING, include_locked=True)
        assert (await here.apply(seconds=0.5)).exit_code == 6
        ended = len(here.ended())
        for row in here.sandbox.world.alive:
            here.sandbox.world.remove(row.id)
        applied = await here.apply()
        assert applied.exit_code == 0
        assert applied.document["totals"]["already_gone"] == 600 - ended


# A plan that was edited by hand

_EDITS = {
    "another instance": "UPDATE entry SET id = '66e412fdc9bd44.00000001' WHERE id = (SELECT MIN(id) FROM entry)",
    "one more": (
        "INSERT INTO entry (id, rule, action, reason, unreadable)"
        " VALUES ('66e412fdc9bd44.00000001', 'all', 'kill', '', '')"
    ),
    "one less": "DELETE FROM entry WHERE id = (SELECT MIN(id) FROM entry)",
    "another action": "UPDATE entry SET action = 'terminate' WHERE id = (SELECT MIN(id) FROM entry)",
    "another document": "UPDATE entry SET document_id = 'DEAL_1' WHERE id = (SELECT MIN(id) FROM entry)",
    "another reason": "UPDATE entry SET reason = 'x' WHERE id = (SELECT MIN(id) FROM entry)",
    "a younger plan": "UPDATE run SET value = '2999-01-01T00:00:00+00:00' WHERE key = 'created'",
    "other rules": "UPDATE run SET value = replace(value, 'off', '99') WHERE key = 'rules_source'",
    "a larger portal": "UPDATE run SET value = '100000' WHERE key = 'population'",
    "another template name": "UPDATE template SET name = 'x' WHERE id = (SELECT MIN(id) FROM template)",
    "no seal": "DELETE FROM run WHERE key = 'seal'",
}


@pytest.mark.parametrize("edit", _EDITS)
async def test_a_plan_that_was_edited_by_hand_is_refused(bench: Open, edit: str) -> None:
    async with bench(instances=60, seed=3) as here:
        await here.plan(EVERYTHING, include_locked=True)
        path = here.setting.state.find("last")
        with closing(sqlite3.connect(path)) as database, database:
            assert database.execute(_EDITS[edit]).rowcount
        refused = await here.apply()
        assert refused.exit_code == 4
        assert "changed by hand" in refused.message
        assert not here.ended()


async def test_an_apply_leaves_the_seal_whole(bench: Open) -> None:
    async with bench(instances=300, seed=3, poison=5, kill_seconds=0.01) as here:
        await here.plan(EVERYTHING, include_locked=True)
        await here.apply(seconds=0.3)
        assert (await here.apply()).exit_code == 3
        with here.journal() as journal:
            assert journal.is_as_planned()


def test_the_seal_of_a_large_plan_is_checked_in_a_moment(tmp_path: Path) -> None:
    from tests.test_journal import head, instance, selected

    with Journal.create(tmp_path / "run.sqlite", head()) as journal:
        journal.plan(((instance(number), selected()) for number in range(20_000)), "bookmark")
        journal.finish_plan(20_000)
        began = time.perf_counter()
        assert journal.is_as_planned()
        assert time.perf_counter() - began < 2
