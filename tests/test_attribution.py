"""Whose doing it was that an instance ended: ours where a send of ours went unanswered, else somebody else's."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from cleanup import commands
from cleanup.apply.outcomes import (
    MOST_SENDS,
    MOST_SILENT_SENDS,
    Broken,
    answered,
    recheck,
    settle,
    unless_ended,
)
from cleanup.commands import Window
from cleanup.config import parse_rules
from cleanup.journal import Outcome, Unsettled
from cleanup.model import Action, Decision, Entry, Instance, State, Verdict
from cleanup.portal.wire import CallAnswer, CallError
from cleanup.sandbox import Fault
from tests.conftest import Open
from tests.harness import EVERYTHING, Bench, sums_hold

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALIVE = Instance(id="a", template_id=7, module="crm", entity="CCrmDocumentLead", document_id="LEAD_1", started=NOW)
EMPTY = Instance(id="a", started=NOW + timedelta(days=1))
REFUSED = CallAnswer(error=CallError("", "activity cannot be cancelled"), answered=True)


def entry(**changes: Any) -> Entry:
    given: dict[str, Any] = {"instance": ALIVE, "rule": "r", "action": Action.KILL, "reason": ""}
    return Entry(**given | changes)


def sent(request: int = 1, **changes: Any) -> Unsettled:
    return Unsettled(entry(state=State.SENT, **changes), request, NOW, NOW)


def selected(_: Instance) -> Verdict:
    return Verdict(decision=Decision.SELECTED, rule="r", action=Action.KILL)


def only(outcomes: list[Outcome]) -> Outcome:
    (outcome,) = outcomes
    return outcome


def test_what_was_refused_and_then_vanished_was_ended_by_somebody_else() -> None:
    assert recheck(entry(sends=2, error="refused"), None, selected) == Outcome("a", State.GONE)
    settled = only(settle([sent(sends=2, error="refused")], {}, Broken()))
    assert (settled.state, settled.error) == (State.GONE, "refused")


def test_what_was_sent_without_an_answer_and_then_vanished_was_ended_by_us() -> None:
    assert only(settle([sent(sends=1)], {}, Broken())).state is State.KILLED
    still_there = only(settle([sent(sends=1)], {"a": ALIVE}, Broken(silent={1})))
    assert (still_there.state, still_there.doubt) == (State.PLANNED, True)
    assert recheck(entry(doubt=True), None, selected) == Outcome(
        "a", State.KILLED, "the answer was lost; the portal no longer lists it"
    )
    later = only(settle([sent(sends=2, error="not found", doubt=True)], {}, Broken()))
    assert later.state is State.KILLED, "a second kill of what our first one ended is answered with “not found”"


def test_what_stood_behind_a_crash_was_not_reached_so_nothing_is_in_doubt() -> None:
    items = [sent(request=4), Unsettled(entry(instance=Instance(id="b"), state=State.SENT), 4, NOW, NOW)]
    suspect, behind = settle(items, {"a": ALIVE, "b": Instance(id="b")}, Broken(crashed={4}))
    assert (suspect.alone, suspect.doubt) == (True, False)
    assert (behind.alone, behind.doubt) == (False, False)


def test_a_request_that_an_ended_process_left_makes_nobody_a_suspect() -> None:
    settled = only(settle([sent(sends=1, alone=False)], {"a": ALIVE}, Broken()))
    assert (settled.state, settled.alone, settled.refund, settled.doubt) == (State.PLANNED, False, True, True)
    again = only(settle([sent(sends=5, alone=True)], {"a": ALIVE}, Broken()))
    assert again.state is State.PLANNED, "nobody saw that request break"


@pytest.mark.parametrize(
    ("broken", "most"),
    [
        pytest.param(Broken(crashed={1}), MOST_SENDS, id="crashed"),
        pytest.param(Broken(silent={1}), MOST_SILENT_SENDS, id="silent"),
    ],
)
def test_a_suspect_that_breaks_its_own_requests_fails(broken: Broken, most: int) -> None:
    for sends, state in ((most - 1, State.PLANNED), (most, State.FAILED)):
        assert only(settle([sent(alone=True, sends=sends)], {"a": ALIVE}, broken)).state is state


@pytest.mark.parametrize(("by_chance", "most"), [(0.05, 8), (0.25, 10), (0.35, 14), (0.5, 20), (0.9, 24), (1.0, 24)])
def test_where_requests_break_by_chance_a_suspect_is_tried_until_chance_cannot_explain_it(
    by_chance: float, most: int
) -> None:
    """But what the portal itself refused is refused."""
    for broken in (Broken(crashed={1}, by_chance=by_chance), Broken(silent={1}, by_chance=by_chance)):
        for sends, state in ((most - 1, State.PLANNED), (most, State.FAILED)):
            assert only(settle([sent(alone=True, sends=sends)], {"a": ALIVE}, broken)).state is state
    refused = only(settle([sent(sends=MOST_SENDS, error="no")], {"a": ALIVE}, Broken(by_chance=by_chance)))
    assert refused.state is State.FAILED


def test_an_empty_row_in_its_place_means_that_it_ended() -> None:
    """PORTAL.md 7: older portals put the row back without its document when what was killed was being executed."""
    settled = only(settle([sent()], {"a": EMPTY}, Broken(silent={1})))
    assert (settled.state, "empty row" in settled.error) == (State.KILLED, True)
    ours = recheck(entry(doubt=True), EMPTY, selected)
    assert ours is not None
    assert ours.state is State.KILLED
    others = recheck(entry(), EMPTY, selected)
    assert others is not None
    assert others.state is State.CHANGED, "not sent by us: somebody else's kill, left alone"


def test_an_answer_that_is_not_true_or_left_out_is_in_doubt_and_counts_as_refused() -> None:
    for answer in (CallAnswer(), CallAnswer(value=False, answered=True), CallAnswer(value=[], answered=True)):
        outcome = answered(entry(), answer)
        assert outcome.state is State.SENT
        assert outcome.doubt
        assert outcome.error
        assert unless_ended(outcome) == outcome, "it is asked about, also when the webhook lost its rights meanwhile"
    refused = answered(entry(), REFUSED)
    assert (refused.state, refused.doubt) == (State.SENT, False)
    assert unless_ended(refused).state is State.PLANNED


async def test_a_portal_that_slows_down_behind_a_dead_process_still_gives_us_our_kills(bench: Open) -> None:
    """A batch that was sent by an ended process is still at work when the next apply looks."""
    async with bench(instances=400, seed=3, kill_seconds=0.005) as here:
        await here.plan(EVERYTHING, include_locked=True)
        await here.apply(seconds=0.3)
        before = here.sandbox.ledger.kills_effective
        with anyio.move_on_after(1.0):
            async with anyio.create_task_group() as group:
                group.start_soon(here.apply)
                while here.sandbox.ledger.kills_effective == before:  # noqa: ASYNC110 - the sandbox has no event for it
                    await anyio.sleep(0.005)
                group.cancel_scope.cancel()
        here.sandbox.faults.next_kills = {Fault.DROP_AFTER: 2}
        applied = await here.apply()
        totals = applied.document["totals"]
        assert applied.exit_code == 0
        assert totals["already_gone"] == 0
        assert totals["killed"] == here.sandbox.ledger.kills_effective == totals["selected"]


async def test_rows_that_refuse_and_then_end_by_themselves_are_already_gone(bench: Open) -> None:
    async with bench(instances=300, seed=6) as here:
        await here.plan(EVERYTHING, include_locked=True)
        victims = [row.id for row in here.sandbox.world.population[::60]]
        here.sandbox.faults.poison = set(victims)

        async def end_by_themselves() -> None:
            while not all(here.sandbox.ledger.asked.get(victim) for victim in victims):  # noqa: ASYNC110 - no event
                await anyio.sleep(0.002)
            for victim in victims:
                here.sandbox.world.remove(victim)

        async with anyio.create_task_group() as group:
            group.start_soon(end_by_themselves)
            applied = await here.apply()
        totals = applied.document["totals"]
        assert totals["killed"] == here.sandbox.ledger.kills_effective
        assert totals["already_gone"] == len(victims)


async def test_a_lost_answer_and_an_empty_row_are_our_kill(bench: Open) -> None:
    async with bench(instances=200, seed=2, generation="G2", zombies=1.0) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.next_kills = {Fault.DROP_AFTER: 2}
        applied = await here.apply()
        assert applied.document["totals"]["changed"] == 0
        assert applied.document["totals"]["killed"] == here.sandbox.ledger.kills_effective == 200


@pytest.mark.parametrize("change", ["rules", "age"])
async def test_a_run_that_may_not_be_applied_any_more_is_still_settled(bench: Open, change: str) -> None:
    async with bench(instances=200, seed=3, kill_seconds=0.02) as here:
        await here.plan(EVERYTHING, include_locked=True)
        await _break_off(here)
        with here.journal() as journal:
            assert State.SENT in journal.state_counts()
            path = journal.path
        if change == "age":
            _make_older(path)
        if change == "rules":
            here.rules(EVERYTHING + "# a comment\n")
        refused = await here.apply()
        assert refused.exit_code == 4
        assert sums_hold(refused.document)
        with here.journal() as journal:
            assert State.SENT not in journal.state_counts()
        assert refused.document["totals"]["killed"] == here.sandbox.ledger.kills_effective > 0


def _make_older(path: Path) -> None:
    created = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE run SET value = ? WHERE key = 'created'", (created,))


async def test_run_settles_what_a_run_of_other_rules_left_in_doubt(bench: Open) -> None:
    async with bench(instances=200, seed=3, kill_seconds=0.02) as here:
        first = (await here.plan(EVERYTHING, include_locked=True)).document["run"]
        await _break_off(here)
        ended = await here.run(EVERYTHING.replace("match: everything", "match: {started: {older_than: 9000d}}"))
        assert ended.exit_code == 0
        with here.journal(first) as journal:
            assert State.SENT not in journal.state_counts()
            assert journal.state_counts()[State.KILLED] == here.sandbox.ledger.kills_effective


async def test_run_never_goes_on_with_a_purge_of_another_rules_file(bench: Open) -> None:
    """Its plan is young and its file unchanged: what was sent is asked about, and not one more is ended."""
    async with bench(instances=400, seed=3, kill_seconds=0.02) as here:
        first = (await here.plan(EVERYTHING, include_locked=True)).document["run"]
        await _break_off(here)
        before = here.sandbox.ledger.kills_effective
        other = here.folder / "other.yaml"
        nothing = EVERYTHING.replace("match: everything", "match: {started: {older_than: 9000d}}")
        other.write_text(nothing, encoding="utf-8")
        rules = parse_rules(nothing, str(other))
        ended = await commands.run(here.setting, rules, Window(), checkpoint=None, now=None, include_locked=False)
        assert (ended.exit_code, ended.document["totals"]["selected"]) == (0, 0)
        assert here.sandbox.ledger.kills_effective == before < 400
        with here.journal(first) as journal:
            counts = journal.state_counts()
            assert State.SENT not in counts
            assert counts[State.KILLED] == before
            assert counts[State.PLANNED] == 400 - before


async def test_a_dry_run_settles_nothing(bench: Open) -> None:
    async with bench(instances=200, seed=3, kill_seconds=0.02) as here:
        first = (await here.plan(EVERYTHING, include_locked=True)).document["run"]
        await _break_off(here)
        await here.run(EVERYTHING.replace("match: everything", "match: {id: none}"), dry_run=True)
        with here.journal(first) as journal:
            assert State.SENT in journal.state_counts()


async def _break_off(here: Bench) -> None:
    """An apply that is cancelled in the middle, as a process that is killed."""
    async with anyio.create_task_group() as group:
        group.start_soon(here.apply)
        while here.sandbox.ledger.kills_effective < 20:  # noqa: ASYNC110 - the sandbox has no event for it
            await anyio.sleep(0.002)
        group.cancel_scope.cancel()
    await anyio.sleep(1.0)  # the portal finishes what it was sent
