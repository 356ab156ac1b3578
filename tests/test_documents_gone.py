"""document_exists: which documents are gone, which cannot be asked about, and that what hides them is not believed."""

import pytest

from cleanup.errors import AccessError
from cleanup.portal.documents import ITEMS
from cleanup.sandbox.documents import document
from tests.conftest import Open
from tests.harness import Bench, sums_hold
from tests.test_dismissed import RULES, calls, unlocked

GONE = RULES.format(match="{document_exists: false}")
SCOPES = ("bizproc", "crm", "task")


def gone(here: Bench) -> set[str]:
    """Read off the portal: instances whose document could be listed, and is not there."""
    found = set()
    for row in here.sandbox.world.population:
        key = document(row.module, row.entity, row.document_id)
        if key is not None and key[1] not in here.sandbox.documents.existing[key[0]]:
            found.add(row.id)
    return found


async def test_what_works_on_a_deleted_document_is_ended_and_what_cannot_be_told_is_undecided(bench: Open) -> None:
    async with bench(instances=1500, seed=41, scopes=SCOPES, gone=0.2) as here:
        expected = gone(here) & unlocked(here.sandbox)
        listable = {row.id for row in here.sandbox.world.population if document(row[3], row[4], row[5])}
        planned = await here.plan(GONE)
        assert sums_hold(planned.document)
        totals = planned.document["totals"]
        assert totals["selected"] == len(expected) > 50
        assert totals["undecided"] == 1500 - len(listable), "lists, files, orders: nobody can be asked"
        await here.apply()
        assert here.ended().keys() == expected


async def test_only_the_documents_of_instances_that_depend_on_it_are_asked_about(bench: Open) -> None:
    rules = RULES.format(match="{document_type: lead, document_exists: false}")
    async with bench(instances=2000, seed=42, scopes=SCOPES) as here:
        leads = sum(row.entity == "CCrmDocumentLead" for row in here.sandbox.world.population)
        await here.plan(rules)
        assert calls(here, ITEMS) <= 1 + leads // 49 + 1
        assert calls(here, "tasks.task.list") == 0


async def test_a_document_that_came_back_after_the_plan_keeps_its_instance(bench: Open) -> None:
    """Out of the recycle bin, say."""
    async with bench(instances=1500, seed=43, scopes=SCOPES, gone=0.2) as here:
        expected = gone(here) & unlocked(here.sandbox)
        await here.plan(GONE)
        back = min(expected)
        row = here.sandbox.world.get(back)
        assert row is not None
        kind, number = document(row.module, row.entity, row.document_id) or (0, 0)
        here.sandbox.documents.existing[kind].add(number)
        applied = await here.apply()
        assert here.ended().keys() == expected - {back}
        assert applied.document["totals"]["changed"] == 1


async def test_a_type_of_which_the_portal_shows_nothing_is_not_believed(bench: Open) -> None:
    """Lost rights, a type that was removed: then all documents would look as if they were gone."""
    async with bench(instances=1000, seed=44, scopes=SCOPES) as here:
        here.sandbox.documents.existing[1].clear()
        here.sandbox.documents.types.discard(2)
        planned = await here.plan(RULES.format(match="{document_type: [lead, deal], document_exists: false}"))
        totals = planned.document["totals"]
        assert (totals["selected"], totals["undecided"] > 100) == (0, True)


async def test_the_element_to_compare_with_may_be_deleted_between_plan_and_end(bench: Open) -> None:
    async with bench(instances=1000, seed=45, scopes=SCOPES, gone=0.2) as here:
        leads = {row.id for row in here.sandbox.world.population if row.entity == "CCrmDocumentLead"}
        await here.plan(RULES.format(match="{document_type: lead, document_exists: false}"))
        here.sandbox.documents.existing[1].remove(max(here.sandbox.documents.existing[1]))
        applied = await here.apply()
        assert applied.document["totals"]["changed"] == 0
        assert here.ended().keys() <= gone(here) & leads


@pytest.mark.parametrize(("scopes", "lacking"), [(("bizproc", "task"), "crm"), (("bizproc", "crm"), "task")])
async def test_without_the_scopes_nothing_is_listed(bench: Open, scopes: tuple[str, ...], lacking: str) -> None:
    async with bench(instances=50, scopes=scopes) as here:
        with pytest.raises(AccessError, match=lacking):
            await here.plan(GONE)
        assert calls(here, "bizproc.workflow.template.list") == 0
