"""Rules about dismissed users: what they select, what it costs, and what is asked anew before anything is ended."""

from collections import defaultdict
from dataclasses import replace

import pytest

from cleanup import commands
from cleanup.errors import AccessError
from cleanup.model import Instance, Standing
from cleanup.portal.people import Part, all_parts
from cleanup.sandbox import Sandbox
from tests.conftest import Open
from tests.harness import Bench, sums_hold

RULES = """\
version: 1
limits: {{max_kill: off, max_percent: off, max_failed_percent: off}}
rules:
  - {{id: theirs, match: {match}, action: kill}}
"""
ANY = RULES.format(match="{assigned_to: {dismissed: true}}")
ALL = RULES.format(match="{assigned_to: {all_dismissed: true}}")
STARTER = RULES.format(match="{started_by: {dismissed: true}}")
NOBODY = RULES.format(match="{not: {assigned_to: {dismissed: true}}}")


def waiting(sandbox: Sandbox) -> dict[str, set[int]]:
    """By running instance: the users that its running tasks wait for, read off the portal's own list."""
    found: dict[str, set[int]] = defaultdict(set)
    for task in sandbox.office.tasks:
        if task.status == 0 and task.user_status == 0:
            found[task.workflow_id].add(task.user_id)
    return found


def dismissed(sandbox: Sandbox) -> set[int]:
    return {user.id for user in sandbox.office.users if not user.active}


def unlocked(sandbox: Sandbox) -> set[str]:
    now = int(sandbox.world.population[0].modified or 0)
    latest = max(now, *(row.modified or 0 for row in sandbox.world.population))
    return {row.id for row in sandbox.world.population if row.owned_until is None or row.owned_until < latest - 400}


def calls(here: Bench, method: str) -> int:
    return here.sandbox.ledger.calls[method]


@pytest.mark.parametrize("every", [False, True], ids=["any", "all"])
async def test_processes_of_dismissed_users_are_selected_and_ended_as_the_portals_own_tasks_say(
    bench: Open, every: bool
) -> None:
    async with bench(instances=1500, seed=21) as here:
        gone, tasks, free = dismissed(here.sandbox), waiting(here.sandbox), unlocked(here.sandbox)
        expected = {
            instance
            for instance, users in tasks.items()
            if instance in free and (users <= gone if every else users & gone)
        }
        planned = await here.plan(ALL if every else ANY)
        assert sums_hold(planned.document)
        assert planned.document["totals"]["selected"] == len(expected) > 0
        applied = await here.apply()
        assert (applied.exit_code, here.ended().keys()) == (0, expected)


async def test_the_safe_form_selects_fewer(bench: Open) -> None:
    async with bench(instances=1500, seed=21) as here:
        one = (await here.plan(ANY)).document["totals"]["selected"]
        every = (await here.plan(ALL)).document["totals"]["selected"]
        assert 0 < every < one


async def test_who_was_started_by_a_dismissed_user_needs_no_tasks(bench: Open) -> None:
    async with bench(instances=1500, seed=22) as here:
        gone, free = dismissed(here.sandbox), unlocked(here.sandbox)
        expected = {row.id for row in here.sandbox.world.population if row.started_by in gone and row.id in free}
        await here.plan(STARTER)
        assert calls(here, "bizproc.task.list") == 0
        await here.apply()
        assert here.ended().keys() == expected != set()


async def test_users_whom_no_list_shows_are_unknown_and_select_nothing_in_any_form(bench: Open) -> None:
    """Bots and mail users: neither active nor dismissed, and `not` does not make that a yes."""
    async with bench(instances=800, seed=23) as here:
        gone, tasks, free = dismissed(here.sandbox), waiting(here.sandbox), unlocked(here.sandbox)
        hidden = set(sorted(gone)[::2]) | {user.id for user in here.sandbox.office.users[1::9]}
        here.sandbox.office.hidden = hidden
        known = gone - hidden
        counts = {}
        for name, text in (("any", ANY), ("all", ALL), ("nobody", NOBODY)):
            counts[name] = (await here.plan(text)).document["totals"]
        rows = {row.id: tasks.get(row.id, set()) for row in here.sandbox.world.population if row.id in free}
        assert counts["any"]["selected"] == sum(bool(users & known) for users in rows.values())
        assert counts["all"]["selected"] == sum(bool(users) and users <= known for users in rows.values())
        assert counts["nobody"]["selected"] == sum(not users & (gone | hidden) for users in rows.values())
        assert counts["any"]["undecided"] > 0


async def test_an_instance_without_a_running_task_waits_for_nobody(bench: Open) -> None:
    """Never “all of nobody”: no task is no dismissed assignee."""
    async with bench(instances=300, seed=24) as here:
        tasks = waiting(here.sandbox)
        planned = await here.plan(ALL)
        assert planned.document["totals"]["no_match"] >= sum(
            row.id not in tasks for row in here.sandbox.world.population
        )


async def test_nothing_is_asked_that_no_rule_depends_on(bench: Open) -> None:
    text = RULES.format(match="{started: {older_than: 9000d}, assigned_to: {all_dismissed: true}}")
    async with bench(instances=300, seed=25, scopes=("bizproc", "user_brief")) as here:
        await here.plan(text)
        assert (calls(here, "bizproc.task.list"), calls(here, "user.get")) == (0, 0)


async def test_tasks_are_fetched_once_a_plan(bench: Open) -> None:
    """Of two stretches of the listing: tasks with one page behind them, starters and their users, no more."""
    async with bench(instances=4000, seed=26) as here:
        await here.plan(RULES.format(match="{started_by: 9999}"))
        without = here.sandbox.ledger.requests
        await here.plan(ALL)
        assert here.sandbox.ledger.requests - 2 * without == 4


@pytest.mark.parametrize("rules", [ANY, ALL, STARTER], ids=["any", "all", "starter"])
async def test_without_the_scope_nothing_is_listed(bench: Open, rules: str) -> None:
    async with bench(instances=50, scopes=("bizproc",)) as here:
        with pytest.raises(AccessError, match="user_brief"):
            await here.plan(rules)
        assert calls(here, "bizproc.workflow.template.list") == 0


async def test_a_scope_that_is_lost_after_the_plan_ends_nothing(bench: Open) -> None:
    async with bench(instances=200, seed=27) as here:
        await here.plan(STARTER)
        here.sandbox.faults.scopes = ("bizproc",)
        with pytest.raises(AccessError, match="user_brief"):
            await here.apply()
        assert not here.ended()


async def test_what_was_answered_delegated_or_taken_back_after_the_plan_is_left_alone(bench: Open) -> None:
    async with bench(instances=2500, seed=28) as here:
        office, gone, tasks = here.sandbox.office, dismissed(here.sandbox), waiting(here.sandbox)
        await here.plan(ALL)
        with here.journal() as journal:
            planned = sorted(entry.id for entry, _, _ in journal.entries())
        single = [instance for instance in planned if len(tasks[instance]) == 1]
        answered, delegated, joined = single[:3]
        for instance, change in ((answered, office.answer), (delegated, lambda task: office.delegate(task, 1))):
            for task in [each for each in office.tasks if each.workflow_id == instance and each.user_status == 0]:
                change(task)
        office.assign(joined, [1])
        back = next(user for user in sorted(gone) if any(tasks[instance] == {user} for instance in single[3:]))
        office.set_active(back, active=True)
        left = {instance for instance in planned if back in tasks[instance]} | {answered, delegated, joined}
        rehearsed = await here.apply(dry_run=True)
        assert rehearsed.document["dry_run"]["would_be_left_alone"] == len(left)
        applied = await here.apply()
        assert here.ended().keys() == set(planned) - left
        assert applied.document["totals"]["changed"] == len(left)


async def test_who_was_taken_back_after_the_plan_keeps_what_he_started(bench: Open) -> None:
    async with bench(instances=600, seed=29) as here:
        await here.plan(STARTER)
        for user in dismissed(here.sandbox):
            here.sandbox.office.set_active(user, active=True)
        applied = await here.apply()
        # All of a plan at once looks like another portal, so that nothing is even recorded.
        assert (applied.exit_code, here.ended()) == (4, {})


async def test_a_task_with_more_users_than_a_page_is_read_whole(bench: Open) -> None:
    """And one that crosses the border between two pages: its users share its number (PORTAL.md 9)."""
    async with bench(instances=120, seed=30) as here:
        office, last = here.sandbox.office, here.sandbox.world.population[-1].id
        office.assign(last, range(1, 121))
        office.assign(here.sandbox.world.population[0].id, range(1, 51))
        office.assign(here.sandbox.world.population[1].id, [1, 2, 3])
        async with commands.connection.connected(here.setting, here.rules(ALL).pace) as connection:
            found = [part async for parts in all_parts(connection.reader) for part in parts]
        expected = {
            Part(task.id, task.workflow_id, task.user_id)
            for task in office.tasks
            if task.status == 0 and task.user_status == 0
        }
        assert set(found) == expected
        assert {part.user for part in found if part.instance == last} >= set(range(1, 121))


async def test_a_run_explains_by_the_facts_that_it_recorded_and_a_portal_by_its_present_ones(bench: Open) -> None:
    async with bench(instances=800, seed=31) as here:
        await here.plan(ALL)
        with here.journal() as journal:
            entry = next(entry for entry, _, _ in journal.entries())
            assert entry.instance.facts.assignees == {Standing.DISMISSED}
            told = commands.explain_entry(journal, entry.id)
        assert told is not None
        assert told.explanation.verdict.rule == "theirs"
        here.sandbox.office.assign(entry.id, [1])
        now = await commands.explain_by_rules(here.setting, here.rules(ALL), entry.id, None)
        assert now.instance.facts.assignees == {Standing.DISMISSED, Standing.ACTIVE}
        assert now.explanation.verdict.rule is None
        assert replace(now.instance, facts=Instance(id="x").facts) == replace(
            entry.instance, facts=Instance(id="x").facts
        )
