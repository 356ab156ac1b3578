"""newest_of: the older duplicates of a document and template, over the whole portal, and never the last one."""

from collections import defaultdict
from random import Random

import pytest

from cleanup import commands
from cleanup.config import Faults, parse_rules
from cleanup.journal import Journal
from cleanup.sandbox import Row, Sandbox
from tests.conftest import Open
from tests.harness import sums_hold
from tests.test_dismissed import RULES, calls

OLDER = RULES.format(match="{newest_of: {by: document, keep: 1}}")
#: The newest of each group is too young for the rule, or protected, or kept: it counts all the same.
CROWDED = """\
version: 1
limits: {max_kill: off, max_percent: off, max_failed_percent: off}
protect:
  - {id: young, match: {started: {newer_than: 30d}}}
rules:
  - {id: kept, match: {started_by: [1, 2, 3, 4, 5, 6, 7, 8, 9]}, action: keep}
  - {id: old, match: {started: {older_than: 60d}, newest_of: {by: document, keep: 2}}, action: kill}
"""
DAY = 86_400


def crowd(sandbox: Sandbox, *, documents: int, seed: int) -> None:
    """Puts most instances on a few documents, and takes their locks away."""
    random = Random(seed)
    for row in sandbox.world.population:
        if row.module and random.random() < 0.8:
            row = row._replace(
                module="crm",
                entity="CCrmDocumentLead",
                document_id=f"LEAD_{random.randrange(documents)}",
                template_id=random.choice((11, 12)),
            )
        sandbox.world.put(row._replace(owned_until=None))


def older(sandbox: Sandbox, keep: int) -> set[str]:
    """By hand: of each document and template all but the newest; nothing of a group in which a start is not known."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in sandbox.world.alive:
        if row.module and row.entity and row.document_id and row.template_id:
            groups[row.module, row.entity, row.document_id, row.template_id].append(row)
    found: set[str] = set()
    for rows in groups.values():
        if all(row.started is not None for row in rows):
            found |= {row.id for row in sorted(rows, key=lambda row: (row.started or 0, row.id))[:-keep]}
    return found


async def test_all_but_the_newest_of_each_document_and_template_are_ended(bench: Open) -> None:
    async with bench(instances=1200, seed=51) as here:
        crowd(here.sandbox, documents=150, seed=51)
        expected = older(here.sandbox, 1)
        planned = await here.plan(OLDER)
        assert sums_hold(planned.document)
        assert planned.document["totals"]["selected"] == len(expected) > 100
        applied = await here.apply()
        assert (applied.exit_code, applied.document["totals"]["changed"]) == (0, 0)
        assert here.ended().keys() == expected
        assert not older(here.sandbox, 1)


async def test_the_group_counts_what_other_rules_protect_or_keep_and_what_is_too_young(bench: Open) -> None:
    async with bench(instances=1500, seed=52) as here:
        crowd(here.sandbox, documents=100, seed=52)
        latest = max(row.started or 0 for row in here.sandbox.world.population)
        duplicates = older(here.sandbox, 2)
        expected = {
            row.id
            for row in here.sandbox.world.alive
            if row.id in duplicates
            and row.started is not None
            and row.started < latest - 60 * DAY
            and row.started_by not in range(1, 10)
        }
        planned = await here.plan(CROWDED)
        assert planned.document["totals"]["selected"] == len(expected) > 50
        await here.apply()
        assert here.ended().keys() == expected


async def test_what_became_the_newest_after_the_plan_is_left_alone(bench: Open) -> None:
    async with bench(instances=1200, seed=53) as here:
        crowd(here.sandbox, documents=150, seed=53)
        await here.plan(OLDER)
        with here.journal() as journal:
            planned = {entry.id: entry.instance.facts.newer or () for entry, _, _ in journal.entries()}
        moved, ended = sorted({newer[0] for newer in planned.values()})[:2]
        here.sandbox.world.remove(ended)
        row = here.sandbox.world.get(moved)
        assert row is not None
        here.sandbox.world.put(row._replace(document_id="LEAD_999999"))
        left = {identity for identity, newer in planned.items() if newer[0] in {moved, ended}}
        assert left
        applied = await here.apply()
        assert here.ended().keys() == planned.keys() - left
        assert applied.document["totals"]["changed"] == len(left)


async def test_a_listing_that_was_broken_off_in_either_pass_ends_with_the_same_plan(bench: Open) -> None:
    """The first pass learns who is newer, the second judges: each goes on from its own bookmark."""
    async with bench(instances=2600, seed=54) as here:
        crowd(here.sandbox, documents=400, seed=54)
        expected, seen = older(here.sandbox, 1), set()
        for failing in range(3, 9):
            path = here.folder / f"broken-{failing}.db"
            later = {"requests": here.sandbox.ledger.requests + failing, "change": {"administrator": False}}
            here.sandbox.faults.change({"later": [later]})
            broken = await here.plan(OLDER, checkpoint=path)
            here.sandbox.faults.change({"administrator": True, "later": []})
            assert broken.exit_code in {0, 5}
            if broken.exit_code:
                with Journal.open(path, readonly=True) as journal:
                    seen.add((journal.siblings_bookmark() is None, bool(journal.siblings_bookmark()), journal.listed()))
                broken = await here.plan(OLDER, checkpoint=path)
            assert (broken.exit_code, broken.document["totals"]["selected"]) == (0, len(expected))
        assert {(False, True, 0), (True, False, 2500)} <= seen


async def test_the_portal_is_listed_once_more_and_a_look_up_once_more_for_each_2500(bench: Open) -> None:
    async with bench(instances=2600, seed=55) as here:
        crowd(here.sandbox, documents=300, seed=55)
        await here.plan(RULES.format(match="{started_by: 9999}"))
        without = calls(here, "bizproc.workflow.instances")
        await here.plan(OLDER)
        assert calls(here, "bizproc.workflow.instances") - without <= 2 * without


async def test_an_instance_is_explained_by_its_document_as_it_is_now(bench: Open) -> None:
    async with bench(instances=600, seed=56) as here:
        crowd(here.sandbox, documents=60, seed=56)
        expected, rules = older(here.sandbox, 1), here.rules(OLDER)
        for row in here.sandbox.world.alive[::97]:
            told = await commands.explain_by_rules(here.setting, rules, row.id, None)
            assert (told.explanation.verdict.rule == "theirs") is (row.id in expected)


@pytest.mark.parametrize(
    "text",
    [
        "protect: [{id: a, match: {newest_of: {by: document, keep: 1}}}]\nrules: []",
        "rules: [{id: a, match: {newest_of: {by: document, keep: 1}}, action: keep}]",
        "rules: [{id: a, match: {not: {newest_of: {by: document, keep: 1}}}, action: kill}]",
        "sets: {x: {newest_of: {by: document, keep: 1}}}\nrules: [{id: a, match: {not: {use: x}}, action: kill}]",
    ],
    ids=["protect", "keep", "not", "set"],
)
def test_where_it_would_mean_the_newest_it_is_refused(text: str) -> None:
    with pytest.raises(Faults, match="older duplicates"):
        parse_rules(f"version: 1\n{text}\n", "rules.yaml")
