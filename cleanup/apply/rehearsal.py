"""`apply --dry-run`: everything but the write."""

from collections import Counter
from dataclasses import asdict, dataclass

from cleanup.apply.outcomes import Judge, recheck
from cleanup.journal import Journal
from cleanup.knowledge import Rechecking
from cleanup.model import State
from cleanup.portal.client import LOOK_UP_LIMIT


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an apply would do now: counts of the entries that wait."""

    would_end: int
    would_be_gone: int
    would_be_left_alone: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


async def rehearse(journal: Journal, rechecking: Rechecking, judge: Judge) -> Rehearsal:
    """Checks every waiting entry as `Apply` would, and neither sends nor writes anything."""
    found_states: Counter[State | None] = Counter()
    after = ""
    while entries := journal.planned(after, LOOK_UP_LIMIT):
        found = await rechecking.look_up(entries)
        outcomes = (recheck(entry, found.get(entry.id), judge) for entry in entries)
        found_states.update(None if outcome is None else outcome.state for outcome in outcomes)
        after = entries[-1].id
    changed, total = found_states[State.CHANGED], found_states.total()
    return Rehearsal(found_states[None], total - found_states[None] - changed, changed)
