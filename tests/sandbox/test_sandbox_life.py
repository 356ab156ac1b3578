"""What happens while a client is at work, and how the ledger tells it from the client's doing: PORTAL.md 7 and 14."""

from typing import Any

import pytest
from sandbox_client import Caller, Opener, kills, row

INSTANCES = "bizproc.workflow.instances"
TERMINATE = "bizproc.workflow.terminate"


async def ledger(caller: Caller) -> dict[str, Any]:
    async with caller.session.get(f"{caller.sandbox.url}sandbox/ledger") as response:
        return dict(await response.json())


async def test_what_ended_by_itself_is_told_from_what_was_ended(portal: Opener) -> None:
    caller = await portal(instances=3, life={"ends": 1})
    await caller.result("profile")
    (gone,) = {item.id for item in caller.sandbox.world.population} - set(caller.first(3))
    caller.sandbox.faults.life = {}
    ended = caller.first(1)[0]
    for instance in (gone, ended, ended):
        await caller.kill(instance)
    shown = await ledger(caller)
    assert (list(shown["ended_by_itself"]), list(shown["endings"])) == ([gone], [ended])
    assert (shown["not_found"], shown["kills_repeated"]) == (1, 1)
    assert shown["asked"] == {gone: {"bizproc.workflow.kill": 1}, ended: {"bizproc.workflow.kill": 2}}


async def test_instances_change_lock_and_appear_while_a_client_looks(portal: Opener) -> None:
    caller = await portal(life={"changes": 1, "locks": 2, "appears": 1})
    await caller.result("profile")
    shown = await ledger(caller)
    assert [len(shown[name]) for name in ("changed", "locked", "appeared")] == [1, 2, 1]
    world = caller.sandbox.world
    assert len(world) == 121
    now = 1_772_355_600
    changed = world.get(next(iter(shown["changed"])))
    locked = world.get(next(iter(shown["locked"])))
    born = world.get(next(iter(shown["appeared"])))
    assert changed is not None
    assert locked is not None
    assert born is not None
    assert changed.modified == pytest.approx(now, abs=5)
    assert locked.owned_until == pytest.approx(now + 300, abs=5)
    assert born.started == int(born.id[:8], 16) == pytest.approx(now, abs=5)
    assert born == world.alive[-1], "a new one has the newest ID"


async def test_the_same_requests_in_the_same_order_see_the_same_life(portal: Opener) -> None:
    lives = []
    for _ in range(2):
        caller = await portal(life={"ends": 0.4, "changes": 0.3}, seed=4)
        for _ in range(20):
            await caller.result("profile")
        lives.append((list(caller.sandbox.ledger.ended_by_itself), list(caller.sandbox.ledger.changed)))
    assert lives[0] == lives[1]
    assert lives[0][0]


async def test_a_rate_brings_ended_ones_back_in_any_generation(portal: Opener) -> None:
    caller = await portal(instances=2, zombies=1.0)
    instance = caller.first(1)[0]
    assert (await caller.kill(instance))[0] == 200
    assert (await caller.kill(instance))[0] == 200, "the next request sees the zombie"
    assert [len(caller.sandbox.ledger.endings[instance]), len(caller.sandbox.ledger.zombies[instance])] == [2, 1]
    assert caller.sandbox.ledger.kills_repeated == 0


@pytest.mark.parametrize("method", ["bizproc.workflow.kill", TERMINATE])
async def test_a_parent_ends_with_its_child_by_the_portals_doing(portal: Opener, method: str) -> None:
    caller = await portal(instances=3, parent_ends=1.0)
    grandparent, parent, child = caller.first(3)
    caller.sandbox.faults.parents = {child: parent, parent: grandparent}
    await caller.result(method, {"ID": child})
    shown = await ledger(caller)
    assert {key: value["child"] for key, value in shown["ended_by_child"].items()} == {
        parent: child,
        grandparent: parent,
    }
    assert (list(shown["endings"]), shown["kills_effective"], caller.first(3)) == ([child], 1, [])


async def test_a_parent_may_go_on(portal: Opener) -> None:
    caller = await portal(instances=2, parent_ends=0.0)
    parent, child = caller.first(2)
    caller.sandbox.faults.parents = {child: parent}
    await caller.kill(child)
    shown = await ledger(caller)
    assert [resumption["child"] for resumption in shown["resumed"][parent]] == [child]
    assert caller.first(2) == [parent]
    assert caller.sandbox.world.alive[0].modified == pytest.approx(1_772_355_600, abs=5)


async def test_killing_the_parent_first_resumes_nothing(portal: Opener) -> None:
    caller = await portal(instances=2, parent_ends=1.0)
    parent, child = caller.first(2)
    caller.sandbox.faults.parents = {child: parent}
    await caller.batch(kills([parent, child]))
    shown = await ledger(caller)
    assert (shown["ended_by_child"], shown["resumed"], shown["kills_effective"]) == ({}, {}, 2)


@pytest.mark.parametrize(("families", "count"), [(5, 5), (0.5, 30), (0, 0)])
async def test_families_are_chosen_by_number_or_share_with_the_older_as_parent(
    portal: Opener, families: float, count: int
) -> None:
    parents = (await portal(families=families)).sandbox.faults.parents
    assert len(parents) == count
    assert all(parent < child for child, parent in parents.items())
    assert not set(parents) & set(parents.values())


async def test_a_vanishing_row_is_refused_and_gone(portal: Opener) -> None:
    caller = await portal(instances=2, vanishing=1)
    (victim,) = caller.sandbox.faults.vanishing
    status, answer = await caller.kill(victim)
    assert (status, answer["error"], victim in caller.sandbox.world) == (400, "", False)
    assert list(caller.sandbox.ledger.endings) == [victim]


@pytest.mark.parametrize(
    ("when", "left"),
    [({"kills": 3}, 2), ({"requests": 0}, 5), ({"requests": 1}, 0)],
    ids=["after three kills", "at once", "from the second request on"],
)
async def test_rights_can_be_lost_in_the_middle(portal: Opener, when: dict[str, int], left: int) -> None:
    caller = await portal(instances=5, later=({**when, "change": {"administrator": False}},))
    answer = await caller.batch(kills(caller.first(5)))
    assert len(caller.first(5)) == left
    assert {error["error"] for error in dict(answer["result_error"]).values()} == ({"ACCESS_DENIED"} if left else set())
    assert (await caller.answer("bizproc.workflow.kill", {"ID": row(1).id}))["error"] == "ACCESS_DENIED"


async def test_a_webhook_can_be_switched_off_in_the_middle(portal: Opener) -> None:
    caller = await portal(later=({"kills": 2, "change": {"webhook": False}},))
    statuses = [(await caller.kill(instance))[0] for instance in caller.first(4)]
    assert statuses == [200, 200, 401, 401]


async def test_what_happens_later_happens_once(portal: Opener) -> None:
    caller = await portal(later=({"requests": 1, "change": {"overload": True}},))
    statuses = [(await caller.raw("profile"))[0] for _ in range(2)]
    caller.sandbox.faults.overload = False
    assert [*statuses, (await caller.raw("profile"))[0]] == [200, 503, 200]


async def test_the_portals_clock_can_be_wrong_and_be_set(portal: Opener) -> None:
    caller = await portal(clock_skew=180)
    shown = []
    for skew in (180, -60):
        caller.sandbox.faults.clock_skew = skew
        async with caller.session.get(f"{caller.sandbox.webhook}server.time") as response:
            answer = await response.json()
            shown.append(
                (answer["result"][11:16], answer["time"]["date_start"][11:16], response.headers["Date"][17:22])
            )
    assert shown == [("12:03", "12:03", "09:03"), ("11:59", "11:59", "08:59")]
