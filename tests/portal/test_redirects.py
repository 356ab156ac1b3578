"""A renamed portal answers with a redirect (PORTAL.md 4): the POST is repeated there, with its body, or not at all."""

import time

import pytest

from cleanup.portal.client import Reader
from cleanup.portal.errors import Unreachable
from tests.conftest import Open
from tests.harness import Bench, predicate


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question is given up at once: these tests are not about repeating."""
    monkeypatch.setattr(Reader, "patience", (1, 1.0))


async def _error(here: Bench) -> str:
    with pytest.raises(Unreachable) as caught:
        await here.plan()
    return str(caught.value)


async def test_a_renamed_portal_is_followed_with_the_body(bench: Open) -> None:
    async with bench(instances=200, seed=3) as new, bench(instances=10, seed=4) as old:
        expected = predicate(new.sandbox.world.population, time.time())
        old.sandbox.faults.redirect = new.sandbox.url
        planned = await old.plan()
        assert planned.document["population"] == 200
        assert planned.document["totals"]["selected"] == len(expected)
        await old.apply()
        assert new.ended() == expected
        assert not old.ended()


async def test_a_redirect_to_a_plain_address_is_not_followed(bench: Open) -> None:
    async with bench(instances=10) as here:
        here.sandbox.faults.redirect = "http://portal.example"
        assert "plain http" in await _error(here)
        assert here.sandbox.ledger.calls.total() == 0


async def test_a_portal_of_this_machine_leads_nowhere_else(bench: Open) -> None:
    """A rehearsal must not become the real thing."""
    async with bench(instances=10) as here:
        here.sandbox.faults.redirect = "https://portal.example"
        assert "away from this machine" in await _error(here)


async def test_a_redirect_in_a_circle_ends(bench: Open) -> None:
    async with bench(instances=10) as here, bench(instances=10) as there:
        here.sandbox.faults.redirect = there.sandbox.url
        there.sandbox.faults.redirect = here.sandbox.url
        assert "circle" in await _error(here)
