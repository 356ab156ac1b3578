"""A selection of the matrix, every trouble once, and that its checker sees what it is there to see."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cleanup.model import State
from cleanup.sandbox import Billing, Generation, Sandbox
from cleanup.sandbox.ledger import Ending
from tests.harness import Bench
from tests.invariants import Case, violations
from tests.matrix import TOGETHER, TROUBLES, Cell, Run, judge_here

_GENERATIONS, _BILLINGS = list(Generation), list(Billing)
_ALONE = [
    Cell(trouble=trouble, generation=_GENERATIONS[place % 3], billing=_BILLINGS[place % 5])
    for place, trouble in enumerate(TROUBLES)
    if trouble is not TOGETHER
]
_TOGETHER = [
    Cell(trouble=TOGETHER, generation=generation, billing=billing)
    for generation, billing in zip(Generation, (Billing.BATCH_HALF, Billing.NULL, Billing.BOTH), strict=True)
]


@pytest.mark.parametrize("cell", [*_ALONE, *_TOGETHER], ids=str)
async def test_nothing_is_lost_and_nothing_wrongly_ended(cell: Cell, tmp_path: Path) -> None:
    verdict = await judge_here(cell, tmp_path)
    assert not verdict.violated
    assert verdict.ended > 50


def _an_ended(case: Case) -> str:
    return next(name for name, entry in case.entries.items() if entry.state is State.KILLED)


def _altered(case: Case, name: str, **changes: object) -> Case:
    return replace(case, entries={**case.entries, name: replace(case.entries[name], **changes)})


def _called_already_gone(case: Case) -> Case:
    return _altered(case, _an_ended(case), state=State.GONE)


def _called_changed(case: Case) -> Case:
    return _altered(case, _an_ended(case), state=State.CHANGED)


def _called_failed(case: Case) -> Case:
    return _altered(case, _an_ended(case), state=State.FAILED, error="the portal said no")


def _lost(case: Case) -> Case:
    name = _an_ended(case)
    return replace(case, entries={one: entry for one, entry in case.entries.items() if one != name})


def _other_ended(case: Case) -> Case:
    bystander = next(row.id for row in case.sandbox.world.alive)
    case.ledger.ended(bystander, "bizproc.workflow.kill", case.sandbox.now())
    return case


def _ended_twice(case: Case) -> Case:
    case.ledger.endings[_an_ended(case)] *= 2
    return case


def _ended_by_the_other_method(case: Case) -> Case:
    name = _an_ended(case)
    case.ledger.endings[name] = [
        Ending("bizproc.workflow.terminate", ending.at) for ending in case.ledger.endings[name]
    ]
    return case


def _left_over(case: Case) -> Case:
    case.sandbox.world.put(case.ledger.shown_before_ending[_an_ended(case)].row)
    return case


def _not_ours(case: Case) -> Case:
    del case.ledger.endings[_an_ended(case)]
    return case


def _ended_too_late(case: Case) -> Case:
    name = _an_ended(case)
    case.ledger.shown_before_ending[name] = case.ledger.shown_before_ending[name]._replace(at=0)
    return case


def _not_planned(case: Case) -> Case:
    return replace(case, planned=replace(case.planned, ids=case.planned.ids - {_an_ended(case)}))


def _wrong_code(case: Case) -> Case:
    return replace(case, exit_code=3)


@pytest.mark.parametrize(
    ("harm", "invariant"),
    [
        (_called_already_gone, "attribution"),
        (_called_changed, "attribution"),
        (_not_ours, "attribution"),
        (_called_failed, "true reasons"),
        (_called_failed, "exit code"),
        (_wrong_code, "exit code"),
        (_lost, "no entry lost"),
        (_lost, "sums"),
        (_other_ended, "nothing else ended"),
        (_ended_twice, "nothing else ended"),
        (_ended_by_the_other_method, "nothing else ended"),
        (_ended_too_late, "nothing else ended"),
        (_left_over, "everything ended"),
        (_not_planned, "plan"),
    ],
)
async def test_the_checker_sees_what_is_wrong(tmp_path: Path, harm: Callable[[Case], Case], invariant: str) -> None:
    cell = Cell(trouble=TROUBLES[0], generation=Generation.G3, billing=Billing.ABSENT)
    async with Sandbox(cell.settings) as sandbox:
        run = Run(cell, Bench(sandbox, tmp_path))
        await run.do()
        assert run.case is not None
        assert not violations(run.case)
        assert invariant in violations(harm(run.case))
