"""Parents and children: a parent that waits for its child is ended before it, as far as the order can see to that."""

from tests.conftest import Open
from tests.harness import EVERYTHING


async def test_one_request_at_a_time_ends_every_parent_before_its_child(bench: Open) -> None:
    """A parent started before its child, so its ID is the smaller one; entries go in the order of their IDs."""
    async with bench(instances=600, seed=61, families=0.8, parent_ends=0.0) as here:
        await here.plan(EVERYTHING.replace("rules:", "pace: {concurrency: 1}\nrules:"), include_locked=True)
        applied = await here.apply()
        ledger = here.sandbox.ledger
        assert (applied.document["totals"]["killed"], dict(ledger.resumed)) == (600, {})
        for child, parent in here.sandbox.faults.parents.items():
            assert ledger.endings[parent][0].at <= ledger.endings[child][0].at


async def test_a_parent_that_no_rule_selects_goes_on_and_no_list_tells_of_it(bench: Open) -> None:
    """None of the nine fields names a parent: this is what docs/faq.md warns of, and no plan can."""
    async with bench(instances=200, seed=62, families=0.8, parent_ends=0.0) as here:
        children = sorted(here.sandbox.faults.parents)
        text = EVERYTHING.replace(
            "match: everything", "match: {id: [" + ", ".join(f"'{each}'" for each in children) + "]}"
        )
        planned = await here.plan(text, include_locked=True)
        assert planned.document["totals"]["selected"] == len(children)
        await here.apply()
        assert here.sandbox.ledger.resumed.keys() == {here.sandbox.faults.parents[each] for each in children}
