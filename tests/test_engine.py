"""One instance's way, end to end: list, judge, plan, apply, resume, on a sandbox over a real socket."""

import time
from collections.abc import Sequence

import anyio
import pytest

from cleanup import commands
from cleanup.apply import desk, engine, portions
from cleanup.errors import AccessError, SafetyStop, UsageError
from cleanup.journal import Journal
from cleanup.knowledge import Rechecking
from cleanup.model import Entry, Instance, State
from cleanup.sandbox import Fault
from tests.conftest import Open
from tests.harness import EVERYTHING, RULES, Bench, predicate, sums_hold


async def test_what_is_ended_equals_an_independent_reading_of_the_rules_to_the_id(bench: Open) -> None:
    """3,000 instances under the documented limits, not one 503 and not one OPERATION_TIME_LIMIT."""
    async with bench(instances=3000, seed=11, licence="ru_pro100", bucket=50, per_second=2, kill_seconds=0.01) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        planned = await here.plan()
        assert sums_hold(planned.document)
        assert planned.document["population"] == planned.document["totals"]["listed"] == 3000
        assert not here.ended(), "plan changes nothing"
        applied = await here.apply()
        assert applied.exit_code == 0
        assert here.ended() == expected
        assert {"kill", "terminate"} == set(expected.values())
        assert sums_hold(applied.document)
        assert applied.document["totals"]["killed"] + applied.document["totals"]["terminated"] == len(expected)
        ledger = here.sandbox.ledger
        assert ledger.outcomes["query_limit"] == ledger.outcomes["operation_limit"] == 0
        assert ledger.operation_limit_subcalls == ledger.kills_repeated == 0


async def test_a_dry_run_sends_nothing_and_writes_nothing(bench: Open) -> None:
    async with bench(instances=500, seed=2) as here:
        await here.plan()
        with here.journal() as journal:
            before = journal.state_counts()
        rehearsed = await here.apply(dry_run=True)
        assert rehearsed.document["dry_run"]["would_end"] == before[State.PLANNED]
        assert not here.ended()
        with here.journal() as journal:
            assert journal.state_counts() == before
            assert journal.state() == "planned"


async def test_an_instance_that_ended_meanwhile_is_gone_and_one_that_changed_is_left_alone(bench: Open) -> None:
    async with bench(instances=400, seed=3) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        await here.plan()
        gone, locked, restarted = sorted(expected)[:3]
        here.sandbox.world.remove(gone)
        for identity, change in (
            (locked, {"owned_until": int(time.time()) + 300}),
            (restarted, {"document_id": "LEAD_0"}),
        ):
            row = here.sandbox.world.get(identity)
            assert row is not None
            here.sandbox.world.put(row._replace(**change))
        applied = await here.apply()
        totals = applied.document["totals"]
        assert (totals["already_gone"], totals["changed"], totals["failed"]) == (1, 2, 0)
        assert here.ended().keys() == expected.keys() - {gone, locked, restarted}
        assert sums_hold(applied.document)


@pytest.mark.parametrize("fault", [*Fault])
async def test_a_request_whose_answer_is_lost_is_asked_about_and_never_repeated_blindly(
    bench: Open, fault: Fault
) -> None:
    async with bench(instances=600, seed=4) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        await here.plan()
        here.sandbox.faults.next_kills = {fault: 3}
        applied = await here.apply()
        assert applied.exit_code == 0
        assert here.ended() == expected
        assert here.sandbox.ledger.kills_repeated == 0
        assert applied.document["totals"]["already_gone"] == 0, "our own kills are never reported as already gone"
        assert sums_hold(applied.document)


@pytest.mark.parametrize(("page_seconds", "ended"), [(0.3, 600), (2.0, 0)])
async def test_a_look_up_that_is_old_when_it_comes_is_not_asked_again_for_ever(
    bench: Open, monkeypatch: pytest.MonkeyPatch, page_seconds: float, ended: int
) -> None:
    """Ten pages of 0.3 s are older than 1.5 s when they come, two are not. Where one page alone is, the run stops."""
    asked = Rechecking.look_up_at

    async def slowly(self: Rechecking, entries: Sequence[Entry]) -> tuple[dict[str, Instance], float]:
        found, as_of = await asked(self, entries)
        await anyio.sleep(page_seconds * len(entries) / 50)
        return found, as_of

    for module in (desk, engine, portions):
        monkeypatch.setattr(module, "FRESH", 1.5)
    monkeypatch.setattr(Rechecking, "look_up_at", slowly)
    async with bench(instances=600, seed=5) as here:
        await here.plan(EVERYTHING, include_locked=True)
        with anyio.fail_after(60):
            applied = await here.apply()
        assert applied.exit_code == (0 if ended else 6)
        assert ended or "took 2 s to tell about 50 instances" in applied.message
        assert len(here.ended()) == ended


async def test_an_instance_that_crashes_the_portal_fails_alone(bench: Open) -> None:
    """Among 500: the others end, it fails with its reason, and at most 16 requests more are sent than without it."""

    async def requests(here: Bench, crash: set[str]) -> int:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.crash = crash
        before = here.sandbox.ledger.requests
        applied = await here.apply()
        assert applied.exit_code == (3 if crash else 0)
        return here.sandbox.ledger.requests - before

    async with bench(instances=500, seed=5) as calm:
        without = await requests(calm, set())
    async with bench(instances=500, seed=5) as here:
        victim = here.sandbox.world.population[250].id
        with_crash = await requests(here, {victim})
        assert [row.id for row in here.sandbox.world.alive] == [victim]
        with here.journal() as journal:
            (failed,) = [entry for entry, _, _ in journal.entries() if entry.state is State.FAILED]
            assert journal.state_counts() == {State.KILLED: 499, State.FAILED: 1}
        assert failed.id == victim
        assert "broke off" in failed.error
    assert with_crash - without <= 16, f"{with_crash} requests instead of {without}"


async def test_several_crashing_neighbours_leave_no_innocent_behind(bench: Open) -> None:
    async with bench(instances=300, seed=5) as here:
        await here.plan(EVERYTHING, include_locked=True)
        victims = {row.id for row in here.sandbox.world.population[100:108]}
        here.sandbox.faults.crash = victims
        applied = await here.apply()
        assert {row.id for row in here.sandbox.world.alive} == victims
        assert applied.document["totals"]["failed"] == 8


@pytest.mark.parametrize("fault", [Fault.EMPTY_500, Fault.DROP_BEFORE, Fault.SKIPPED_COMMANDS])
async def test_requests_that_break_by_chance_are_no_instances_fault(bench: Open, fault: Fault) -> None:
    """Every third request breaks: some instance is hit three times in a row, and must not be given up for it."""
    rules = EVERYTHING.replace("rules:", "pace: {batch_seconds: 0.02}\nrules:")
    async with bench(instances=200, seed=5, kill_seconds=0.002) as here:
        await here.plan(rules, include_locked=True)
        here.sandbox.faults.rates = {fault: 0.35}
        applied = await here.apply()
        assert applied.exit_code == 0
        assert applied.document["totals"]["killed"] == here.sandbox.ledger.kills_effective == 200


async def test_a_row_that_refuses_to_end_fails_with_the_portals_own_words(bench: Open) -> None:
    async with bench(instances=200, seed=6) as here:
        await here.plan(EVERYTHING, include_locked=True)
        victims = {row.id for row in here.sandbox.world.population[::50]}
        here.sandbox.faults.poison = victims
        applied = await here.apply()
        assert applied.exit_code == 3
        assert {row.id for row in here.sandbox.world.alive} == victims
        with here.journal() as journal:
            errors = {entry.error for entry, _, _ in journal.entries() if entry.state is State.FAILED}
        assert all(errors)


async def test_too_many_failures_stop_the_run_with_the_rest_untouched(bench: Open) -> None:
    rules = EVERYTHING.replace("max_failed_percent: off", "max_failed_percent: 10")
    async with bench(instances=2000, seed=6, kill_seconds=0.005) as here:
        await here.plan(rules, include_locked=True)
        here.sandbox.faults.poison = {row.id for row in here.sandbox.world.population[::2]}
        applied = await here.apply()
        assert applied.exit_code == 4
        assert "max_failed_percent" in applied.message
        assert len(here.sandbox.world) > 1200
        assert applied.document["totals"]["pending"] > 1000
        assert sums_hold(applied.document)


async def test_a_webhook_that_was_switched_off_stops_the_apply_and_it_resumes(bench: Open) -> None:
    async with bench(instances=300, seed=7) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        await here.plan()
        here.sandbox.faults.webhook = False
        with pytest.raises(AccessError):
            await here.apply()
        here.sandbox.faults.webhook = True
        assert (await here.apply()).exit_code == 0
        assert here.ended() == expected


async def test_rights_lost_in_the_middle_stop_the_run_and_it_resumes(bench: Open) -> None:
    async with bench(instances=1500, seed=8, kill_seconds=0.01) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        await here.plan()

        async def take_rights_away() -> None:
            while here.sandbox.ledger.kills_effective < 100:  # noqa: ASYNC110 - the sandbox has no event for it
                await anyio.sleep(0.005)
            here.sandbox.faults.administrator = False

        async with anyio.create_task_group() as group:
            group.start_soon(take_rights_away)
            stopped = await here.apply()
        assert stopped.exit_code == 5
        assert "administrator" in stopped.message
        assert 0 < len(here.ended()) < len(expected)
        here.sandbox.faults.administrator = True
        assert (await here.apply()).exit_code == 0
        assert here.ended() == expected


async def test_a_time_window_stops_early_and_the_next_apply_goes_on(bench: Open) -> None:
    async with bench(instances=1500, seed=9, kill_seconds=0.02) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        await here.plan()
        stopped = await here.apply(seconds=0.5)
        assert stopped.exit_code == 6
        assert "Resume with: b24-cleanup apply" in stopped.message
        with here.journal() as journal:
            assert State.SENT not in journal.state_counts()
        assert (await here.apply()).exit_code == 0
        assert here.ended() == expected


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param("max_kill: 10", "max_kill", id="more than max_kill"),
        pytest.param("max_kill: off, max_percent: 5", "max_percent", id="more than max_percent"),
    ],
)
async def test_a_plan_over_its_caps_is_refused_and_nothing_is_sent(bench: Open, limits: str, words: str) -> None:
    rules = RULES.replace("max_kill: off, max_percent: off", limits)
    async with bench(instances=300, seed=1) as here:
        await here.plan(rules)
        refused = await here.apply()
        assert refused.exit_code == 4
        assert words in refused.message
        assert not here.ended()


async def test_a_changed_rules_file_is_refused(bench: Open) -> None:
    async with bench(instances=100, seed=1) as here:
        await here.plan()
        here.rules(RULES.replace("90d", "9d"))
        refused = await here.apply()
        assert refused.exit_code == 4
        assert "changed after the plan" in refused.message


async def test_rules_for_another_portal_are_refused_before_anything_is_asked(bench: Open) -> None:
    async with bench(instances=100) as here:
        with pytest.raises(SafetyStop, match=r"acme\.bitrix24\.ru"):
            await here.plan("portal: acme.bitrix24.ru\n" + RULES)
        assert here.sandbox.ledger.requests == 0


async def test_a_plan_of_another_portal_is_refused(bench: Open) -> None:
    async with bench(instances=100) as first, bench(instances=100) as second:
        await first.plan()
        refused = await second.apply()
        assert refused.exit_code == 4
        assert not second.ended()


async def test_a_listing_that_was_broken_off_is_no_plan_and_goes_on_from_its_bookmark(bench: Open) -> None:
    async with bench(instances=6000, seed=3, list_seconds=0.002) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        checkpoint = here.folder / "mine.sqlite"

        async def switch_off() -> None:
            while here.sandbox.ledger.calls["bizproc.workflow.instances"] < 60:  # noqa: ASYNC110 - no event for it
                await anyio.sleep(0.001)
            here.sandbox.faults.webhook = False

        async with anyio.create_task_group() as group:
            group.start_soon(switch_off)
            cut = await here.plan(checkpoint=checkpoint)
        assert cut.exit_code == 5
        here.sandbox.faults.webhook = True
        with Journal.open(checkpoint) as journal, pytest.raises(UsageError, match="not complete"):
            await commands.apply(here.setting, journal, commands.Window())
        planned = await here.plan(checkpoint=checkpoint)
        assert planned.document["totals"]["listed"] == 6000
        assert planned.document["totals"]["selected"] == len(expected)
        assert (await here.apply(str(checkpoint))).exit_code == 0
        assert here.ended() == expected


async def test_the_journal_tells_at_which_pace_the_last_batch_went(bench: Open) -> None:
    """What `status` shows, also to another process."""
    async with bench(instances=900, seed=5, kill_seconds=0.004, licence="ru_selfhosted") as here:
        planned = await here.plan(EVERYTHING, include_locked=True)
        assert planned.document["pace"] is None
        pace = (await here.apply()).document["pace"]
        assert pace["in_flight"] > 1
        assert pace["batch"] == 50
        assert pace["seconds_each"] >= 0.004
        assert 0.5 < pace["slowdown"] < 3


async def test_run_first_finishes_what_an_earlier_run_left(bench: Open) -> None:
    async with bench(instances=1500, seed=9, kill_seconds=0.02) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        first = await here.run(seconds=1.2)
        assert first.exit_code == 6
        second = await here.run()
        assert second.exit_code == 0
        assert second.document["run"] != first.document["run"]
        assert second.document["totals"]["selected"] == 0
        with here.journal(first.document["run"]) as journal:
            assert journal.state() == "finished"
        assert here.ended() == expected


async def test_an_early_stop_of_the_listing_misses_nothing_that_a_rule_could_select(bench: Open) -> None:
    rules = EVERYTHING.replace("match: everything", "match: {started: {older_than: 300d}}")
    async with bench(instances=8000, seed=3) as here:
        now = time.time()
        wanted = {row.id for row in here.sandbox.world.population if row.started and row.started < now - 300 * 86400}
        planned = await here.plan(rules, include_locked=True)
        assert planned.document["totals"]["selected"] == len(wanted)
        assert planned.document["totals"]["listed"] < 8000
        applied = await here.apply()
        assert here.ended().keys() == wanted, applied.document["totals"]


async def test_take_ends_only_so_many_and_the_oldest(bench: Open) -> None:
    rules = EVERYTHING.replace("action: kill}", "action: kill, take: {count: 25, order: oldest}}").replace(
        "match: everything", "match: {started: {older_than: 1d}}"
    )
    async with bench(instances=300, seed=3) as here:
        planned = await here.plan(rules, include_locked=True)
        assert sums_hold(planned.document)
        await here.apply()
        dated = sorted(row.started for row in here.sandbox.world.population if row.started)
        ended = here.ended()
        starts = sorted(row.started for row in here.sandbox.world.population if row.id in ended and row.started)
        assert starts == dated[:25]


async def test_requests_refused_by_the_bucket_never_end_a_run(bench: Open) -> None:
    """Another client of the same address fills the bucket: 503s come, and everything still ends once."""
    async with bench(instances=1200, seed=3, kill_seconds=0.001, licence="ru_pro100", bucket=4, per_second=8) as here:
        expected = predicate(here.sandbox.world.population, time.time())
        rules = RULES.replace("protect:", "pace: {requests: {burst: 40, per_second: 40}}\nprotect:")
        await here.plan(rules)
        applied = await here.apply()
        assert applied.exit_code == 0
        assert here.sandbox.ledger.outcomes["query_limit"] > 0
        assert here.ended() == expected
        assert here.sandbox.ledger.kills_repeated == 0


@pytest.mark.timeout(60)
async def test_what_became_old_before_it_could_be_sent_is_checked_again(
    bench: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request at a time, and a look-up that holds far more than can be sent while it is fresh."""
    monkeypatch.setattr("cleanup.apply.desk.FRESH", 0.5)
    async with bench(instances=80, seed=3, kill_seconds=0.1) as here:
        planned = await here.plan("pace: {concurrency: 1, batch_seconds: 1}\n" + EVERYTHING, include_locked=True)
        applied = await here.apply()
        assert applied.document["totals"]["killed"] == planned.document["totals"]["selected"] == 80
        assert here.sandbox.ledger.kills_repeated == 0


async def test_one_page_of_a_busy_front_end_does_not_cost_the_burst_of_the_bucket(bench: Open) -> None:
    """A 503 without the portal's own words is no word about the bucket, unless it comes again and again."""
    async with bench(instances=1000, seed=3, licence="ru_pro100", bucket=50, per_second=2) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.next_kills = {Fault.UNAVAILABLE: 1}
        applied = await here.apply()
        assert applied.document["totals"]["killed"] == 1000
        assert applied.document["seconds"]["waiting_rate"] < 1
        assert here.sandbox.ledger.outcomes["query_limit"] == 0
