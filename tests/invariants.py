"""What must hold between the portal's own ledger and the tool's record, whatever went wrong on the way.

Independent of the tool: what may end is read off the portal's rows by the harness' own reading of the rules. Only the
texts of an entry's `error` are looked at as the tool wrote them.

Two things nobody can know, not even the ledger with the record beside it; they are allowed, and nothing else is:
- A row that answers its kill with an error although it goes (`vanishing`) is already gone to every client.
- An entry whose request was lost, and that ended by itself before anybody asked, counts as ours and says so: the
  answer was lost. It may have been either.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from cleanup.model import Entry, State
from cleanup.sandbox import Sandbox
from cleanup.sandbox.ledger import Ledger, Showing
from tests.harness import predicate, sums_hold

#: Seconds: how old the portal's word may be when a request leaves, and how long a request may be under way.
_OLDEST_WORD, _UNDER_WAY = 30.0, 75.0
#: Seconds that the plan's "now" may differ from the portal's clock, which tells whole seconds.
_CLOCKS = 10.0
_LOST = ("the answer was lost", "ended while it was being executed")
_POISON = ("Empty root activity", "InvalidAttemptToLoad")
_BROKE_OFF = "broke off"
_OURS = frozenset({State.KILLED, State.TERMINATED})
_TOTALS = {"killed": State.KILLED, "terminated": State.TERMINATED, "already_gone": State.GONE}
_TOTALS |= {"changed": State.CHANGED, "failed": State.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How things stood when the plan was complete."""

    #: The plan's "now", and the portal's clock when it was made.
    now: float
    portal_clock: float
    ids: frozenset[str]
    shown: Mapping[str, Showing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run that has come to its end, and the portal that it ran on."""

    sandbox: Sandbox
    planned: Planned
    entries: Mapping[str, Entry]
    document: Mapping[str, Any]
    exit_code: int
    #: Rows that were ended by another client.
    others: Set[str] = field(default_factory=frozenset)

    @property
    def ledger(self) -> Ledger:
        return self.sandbox.ledger

    @property
    def ended_by_itself(self) -> Set[str]:
        return self.ledger.ended_by_itself.keys() | self.ledger.ended_by_child.keys()

    def may_end(self, showing: Showing) -> str | None:
        """How this row is to end, as the portal showed it: kill, terminate or not at all."""
        return predicate([showing.row], self.planned.now, present=showing.at).get(showing.row.id)


def snapshot(sandbox: Sandbox, now: float, ids: Set[str]) -> Planned:
    """Called when the plan is complete, before anything else is asked."""
    clock = sandbox.now()
    return Planned(now=now, portal_clock=clock, ids=frozenset(ids), shown=dict(sandbox.ledger.shown))


def violations(case: Case) -> dict[str, list[str]]:
    """By invariant, what violates it; empty when all hold."""
    found = {name: list(check(case)) for name, check in _INVARIANTS.items()}
    return {name: told for name, told in found.items() if told}


def _plan_is_the_predicate(case: Case) -> Iterator[str]:
    """What was planned is what the portal showed, read by the rules; but for what happened while it was listed."""
    planned = case.planned
    if not -_CLOCKS < planned.portal_clock - planned.now < 60 + _CLOCKS:
        yield f"the plan's now is {planned.now - planned.portal_clock:.0f} s off the portal's clock"
    expected = {name for name, showing in planned.shown.items() if case.may_end(showing)}
    ledger = case.ledger
    happened = case.ended_by_itself | ledger.changed.keys() | ledger.locked.keys()
    for name in (expected ^ planned.ids) - happened:
        yield f"{name} is {'missing from' if name in expected else 'in'} the plan"


def _nothing_else_ended(case: Case) -> Iterator[str]:
    """By a call of ours: once, planned, by the right method, as the portal showed it the last time before."""
    for name, endings in case.ledger.endings.items():
        if name in case.others:
            continue
        showing = case.ledger.shown_before_ending.get(name)
        if len(endings) > 1:
            yield f"{name} was ended {len(endings)} times"
        if name not in case.planned.ids:
            yield f"{name} was ended and not planned"
        if showing is None:
            yield f"{name} was ended and never shown"
            continue
        if (wanted := case.may_end(showing)) != endings[0].method.rsplit(".", 1)[-1]:
            yield f"{name} was ended by {endings[0].method}, the rules say {wanted}"
        if endings[0].at - showing.at > _OLDEST_WORD + _UNDER_WAY:
            yield f"{name} was ended {endings[0].at - showing.at:.0f} s after it was shown"


def _everything_ended(case: Case) -> Iterator[str]:
    """What was planned, still fits and can be ended is not there any more."""
    faults, present = case.sandbox.faults, case.sandbox.now()
    for row in case.sandbox.world.alive:
        fits = predicate([row], case.planned.now, present=present)
        if row.id in case.planned.ids and fits and row.id not in faults.poison | faults.crash:
            yield f"{row.id} is still there"


def _true_reasons(case: Case) -> Iterator[str]:
    """Poison fails with the portal's words, a crash because the request broke off, nothing else fails."""
    faults = case.sandbox.faults
    for name, entry in case.entries.items():
        if entry.state is not State.FAILED:
            continue
        words = _POISON if name in faults.poison else (_BROKE_OFF,) if name in faults.crash else ()
        if not any(word in entry.error for word in words):
            yield f"{name} failed: {entry.error!r}"


def _sums(case: Case) -> Iterator[str]:
    states, totals = Counter(entry.state for entry in case.entries.values()), case.document["totals"]
    if not sums_hold(dict(case.document)):
        yield f"the totals do not add up: {totals}"
    for name, state in _TOTALS.items():
        if totals[name] != states[state]:
            yield f"{name} is {totals[name]}, the entries say {states[state]}"


def _no_entry_lost(case: Case) -> Iterator[str]:
    for name in case.entries.keys() ^ case.planned.ids:
        yield f"{name} was {'planned and has no entry' if name in case.planned.ids else 'not planned'}"
    for name, entry in case.entries.items():
        if entry.state in {State.PLANNED, State.SENT}:
            yield f"{name} is still {entry.state}"


def _attribution(case: Case) -> Iterator[str]:
    """Ours is ours, and what others did is theirs."""
    for name, entry in case.entries.items():
        ended = name in case.ledger.endings and name not in case.others
        by_others = name in case.ended_by_itself or name in case.others
        lost = entry.error.startswith(_LOST)
        if entry.state in _OURS and not ended and not (lost and by_others):
            yield f"{name} is {entry.state} by the record, not by the ledger ({entry.error!r})"
        if entry.state is State.GONE and ended and name not in case.sandbox.faults.vanishing:
            yield f"{name} was ended by us and is called already gone ({entry.error!r})"
        if entry.state is State.GONE and not ended and not by_others:
            yield f"{name} is called already gone, but nothing ended it"
        if entry.state is State.CHANGED and (ended or case.may_end(case.ledger.shown[name]) == entry.action):
            yield f"{name} is called changed, but {'we ended it' if ended else 'it still fits'}"


def _exit_code(case: Case) -> Iterator[str]:
    failed = any(entry.state is State.FAILED for entry in case.entries.values())
    if case.exit_code != (3 if failed else 0) or case.document["exit"] != case.exit_code:
        yield f"exit code {case.exit_code}, {'some' if failed else 'none'} failed"


_INVARIANTS = {
    "plan": _plan_is_the_predicate,
    "nothing else ended": _nothing_else_ended,
    "everything ended": _everything_ended,
    "true reasons": _true_reasons,
    "sums": _sums,
    "no entry lost": _no_entry_lost,
    "attribution": _attribution,
    "exit code": _exit_code,
}
