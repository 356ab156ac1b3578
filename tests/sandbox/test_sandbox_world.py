"""The population and the store: PORTAL.md 6 and 12."""

import re
from random import Random

from cleanup.sandbox import Row
from cleanup.sandbox.catalogue import DOCUMENTS
from cleanup.sandbox.filters import Filter
from cleanup.sandbox.population import make_rows, make_world

NOW = 1_772_355_600
ROWS = list(make_rows(seed=5, count=4000, now=NOW))


def share(rows: list[Row]) -> float:
    return len(rows) / len(ROWS)


def test_the_same_seed_count_and_moment_give_the_same_rows() -> None:
    assert list(make_rows(seed=5, count=4000, now=NOW)) == ROWS
    assert list(make_rows(seed=6, count=4000, now=NOW)) != ROWS


def test_ids_have_the_form_of_uniqid_and_do_not_repeat() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{13}\d\.\d{8}", row.id) for row in ROWS)
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_ids_are_made_at_the_start_or_before_it() -> None:
    made = [(int(row.id[:8], 16), row.started) for row in ROWS if row.started is not None]
    assert all(moment <= started for moment, started in made)
    assert 0.9 < sum(moment == started for moment, started in made) / len(made) < 1


def test_every_kind_of_document_occurs_and_so_do_zombies() -> None:
    kinds = {(row.module, row.entity) for row in ROWS}
    assert kinds == {(document.module, document.entity) for document in DOCUMENTS} | {("", "")}


def test_ages_run_from_minutes_to_years() -> None:
    ages = [NOW - row.started for row in ROWS if row.started is not None]
    assert min(ages) < 600
    assert max(ages) > 5 * 365 * 86_400


def test_some_rows_are_locked_and_some_hang() -> None:
    held = [row for row in ROWS if row.owned_until is not None]
    locked = [row for row in held if row.owned_until and row.owned_until > NOW]
    hung = [row for row in held if row.owned_until and row.owned_until < NOW - 300]
    assert 0.002 < share(locked) < 0.05
    assert 0.005 < share(hung) < 0.05
    assert len(locked) + len(hung) == len(held)


def test_starts_and_starters_are_sometimes_missing() -> None:
    assert 0 < share([row for row in ROWS if row.started is None]) < 0.02
    assert 0 < share([row for row in ROWS if row.started_by is None]) < 0.05
    assert 0 < share([row for row in ROWS if row.started_by == 0]) < 0.15


def test_nothing_was_saved_before_it_started_or_after_now() -> None:
    assert all((row.started or 0) <= row.modified <= NOW for row in ROWS)


def test_the_index_stays_right_while_rows_come_and_go() -> None:
    world = make_world(seed=5, count=6000, now=NOW)
    random, kept = Random(1), {row.id: row for row in world.population}
    for row in random.sample(world.population, 5000):
        assert world.remove(row.id)
        assert not world.remove(row.id)
        del kept[row.id]
        if random.random() < 0.1:
            world.put(row)
            kept[row.id] = row
    assert world.alive == [kept[name] for name in sorted(kept)]
    bounds = Filter(lowest=sorted(kept)[100], highest=sorted(kept)[200])
    assert [row.id for row in world.rows(bounds, descending=True)] == sorted(kept)[200:99:-1]
