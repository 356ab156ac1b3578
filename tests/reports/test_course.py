"""What an apply notes about its own course, for the page's timeline."""

from cleanup.model import State
from cleanup.reports.html.page import page
from cleanup.sandbox import Fault
from tests.conftest import Open
from tests.harness import EVERYTHING


async def test_every_request_is_a_batch_and_the_ended_ones_add_up(bench: Open) -> None:
    async with bench(instances=400, seed=4) as here:
        await here.plan(EVERYTHING, include_locked=True)
        await here.apply()
        with here.journal() as journal:
            batches, killed = journal.batches(), journal.state_counts()[State.KILLED]
            assert sum(batch.ended for batch in batches) == killed == 400
            assert [batch.request for batch in batches] == list(range(1, len(batches) + 1))
            assert all(batch.began <= batch.answered and 0 < batch.entries <= 50 for batch in batches)
            assert journal.waits() == [], "this portal has no bucket and no budget"


async def test_waits_for_the_bucket_are_noted_and_shown(bench: Open) -> None:
    async with bench(instances=600, seed=5, licence="ru_pro100", bucket=12, per_second=4) as here:
        text = EVERYTHING.replace("rules:", "pace: {requests: {burst: 12, per_second: 4}}\nrules:")
        await here.plan(text, include_locked=True)
        applied = await here.apply()
        with here.journal() as journal:
            waited = sum((wait.ended - wait.began).total_seconds() for wait in journal.waits() if wait.reason == "rate")
            assert waited > 0.5
            assert abs(waited - applied.document["seconds"]["waiting_rate"]) < 1
            assert "waiting for the request bucket" in page(journal, language="en")


async def test_a_lost_answer_is_a_batch_that_ended_nothing(bench: Open) -> None:
    async with bench(instances=200, seed=6) as here:
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.next_kills[Fault.DROP_AFTER] = 2
        await here.apply()
        with here.journal() as journal:
            assert any(batch.ended == 0 for batch in journal.batches())
            assert sum(batch.ended for batch in journal.batches()) < journal.state_counts()[State.KILLED] == 200
