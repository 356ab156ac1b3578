"""Listing: every instance once, in ID order, however many there are and whatever breaks on the way."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from cleanup.config import Pace
from cleanup.limits import RequestRate
from cleanup.listing import made_at, stretches
from cleanup.model import Instance
from cleanup.portal import auth
from cleanup.portal.connect import connect
from cleanup.portal.pacing import RequestBucket
from cleanup.sandbox import Fault
from tests.conftest import Open
from tests.harness import EVERYTHING, Bench

FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


async def listed(here: Bench, *, after: str = "", until: datetime = FUTURE) -> list[Instance]:
    webhook = auth.parse(here.sandbox.webhook)
    memory = here.folder / "memory.json"
    async with connect(webhook, Pace(), memory=memory, clock=lambda: datetime.now(UTC)) as connection:
        return [row async for stretch in stretches(connection.reader, after, until) for row in stretch.instances]


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 2499, 2500, 2501, 2550])
async def test_every_instance_is_listed_once_in_id_order(bench: Open, count: int) -> None:
    """Behind a short page a `$result` reference turns into a whole list (PORTAL.md 3.1): such pages do not count."""
    async with bench(instances=count, seed=6) as here:
        found = [row.id for row in await listed(here)]
        assert found == sorted(row.id for row in here.sandbox.world.alive)


async def test_50_pages_come_in_one_request(bench: Open) -> None:
    async with bench(instances=5000, seed=6) as here:
        before = here.sandbox.ledger.requests
        await listed(here)
        probe, full, end = 1, 2, 1
        assert here.sandbox.ledger.requests - before == probe + full + end


async def test_a_listing_goes_on_behind_a_bookmark(bench: Open) -> None:
    async with bench(instances=700, seed=6) as here:
        order = sorted(row.id for row in here.sandbox.world.alive)
        assert [row.id for row in await listed(here, after=order[299])] == order[300:]


async def test_a_look_up_is_as_of_the_moment_when_it_went_not_when_it_lined_up(bench: Open) -> None:
    """How long its answer may be relied on counts from there: a line at the bucket takes nothing off."""
    async with bench(instances=50, seed=6) as here:
        webhook, ids = auth.parse(here.sandbox.webhook), sorted(row.id for row in here.sandbox.world.alive)
        async with connect(webhook, Pace(), memory=None, clock=lambda: datetime.now(UTC)) as connection:
            pacer = connection.reader.line.pacer
            pacer.bucket = RequestBucket(RequestRate(burst=2, per_second=1), None)
            lined_up = time.monotonic()
            _, first = await connection.reader.look_up_at(ids)
            _, second = await connection.reader.look_up_at(ids)
        assert first - lined_up < 0.5
        assert second - first == pytest.approx(1, abs=0.3)


async def test_what_ends_or_starts_meanwhile_neither_hides_nor_doubles_others(bench: Open) -> None:
    """Paging by an offset would skip rows when the list shrinks (PORTAL.md 3.2)."""
    async with bench(instances=6000, seed=6) as here:
        order = sorted(row.id for row in here.sandbox.world.alive)
        webhook, found = auth.parse(here.sandbox.webhook), list[str]()
        memory = here.folder / "memory.json"
        async with connect(webhook, Pace(), memory=memory, clock=lambda: datetime.now(UTC)) as connection:
            async for stretch in stretches(connection.reader, "", FUTURE):
                found += [row.id for row in stretch.instances]
                for gone in (found[0], order[len(found) + 5] if len(found) + 5 < len(order) else found[1]):
                    here.sandbox.world.remove(gone)
        assert len(found) == len(set(found))
        assert set(found) >= set(order) - {order[2505], order[5005]}


async def test_it_stops_at_ids_that_were_made_too_late(bench: Open) -> None:
    async with bench(instances=3000, seed=6) as here:
        until = datetime.now(UTC) - timedelta(days=200)
        found = [row.id for row in await listed(here, until=until)]
        early = [row.id for row in here.sandbox.world.alive if (made_at(row.id) or until) <= until]
        assert found == sorted(early)
        assert len(found) < 3000


async def test_reading_is_repeated_through_every_fault(bench: Open) -> None:
    async with bench(instances=1200, seed=6) as here:
        here.sandbox.faults.rates = dict.fromkeys(Fault, 0.06)
        planned = await here.plan(EVERYTHING, include_locked=True)
        assert planned.exit_code == 0
        assert planned.document["totals"]["selected"] == 1200
        assert planned.document["requests"]["retried"] > 0


def test_an_id_carries_its_time_and_another_shape_none() -> None:
    """PORTAL.md 6: a published sample."""
    assert made_at("66e412fdc9bd44.36306599") == datetime(2024, 9, 13, 10, 25, 1, tzinfo=UTC)
    assert made_at("17") is None
    assert made_at("66e412fdc9bd44x36306599") is None


async def test_how_often_a_question_was_repeated_does_not_move_the_clock(bench: Open) -> None:
    """The portal's clock is read off the answer that came, not off the tries before it."""
    async with bench(instances=50, seed=3) as here:
        here.sandbox.faults.next_requests = {Fault.MISSING_KEYS: 5}
        planned = await here.plan(EVERYTHING)
        assert datetime.fromisoformat(planned.document["now"]).timestamp() < here.sandbox.now() + 0.5
