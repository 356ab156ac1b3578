"""What an answer, a look-up or a silence means for an entry. Plain decisions: no await, no clock.

An entry is in `doubt` once a request of ours may have ended it without our knowing. From then on, that it vanished is
our doing; without doubt it is somebody else's.
"""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from cleanup import guards
from cleanup.journal import Outcome, Unsettled
from cleanup.model import ENDED_BY, Entry, Instance, State, Verdict
from cleanup.portal.line import is_operation_limit
from cleanup.portal.wire import CallAnswer

Judge = Callable[[Instance], Verdict]

#: Sends that an entry can be blamed for until it is given up: answered with an error, or proved to crash the portal;
#: and sent alone without any answer, for which the network may be to blame as well.
MOST_SENDS = 3
MOST_SILENT_SENDS = 5
#: The same where requests break that no entry is to blame for: so many that chance alone would hit the same entry as
#: often in a row once in a million (`PROVED`), between these bounds.
MOST_SHAKY_SENDS = (8, 24)
PROVED = 1e-6
#: PORTAL.md 4: the portal cuts a request at 60 s, so it is surely over then.
CUT = 65.0
LOST = "the answer was lost; the portal no longer lists it"
_REVIVED = "ended while it was being executed; the portal put an empty row back in its place"
_NOT_TRUE = "the portal answered something else than true"
_LEFT_OUT = "the portal left it out of its answer"


@dataclass(frozen=True, slots=True)
class Broken:
    """Requests of this process that gave no usable answer."""

    #: Nobody knows how far the portal came, or whether it is still at work.
    silent: Set[int] = field(default_factory=set)
    #: HTTP 500: it is over, and what stood behind the call that crashed was not reached.
    crashed: Set[int] = field(default_factory=set)
    #: The share of all requests that broke, where this portal breaks them by chance: questions broke, too, or a suspect
    #: ended when it was sent alone. Instances that do break it make this too large, and it costs a few sends more.
    by_chance: float = 0.0

    def most(self, sends: int) -> int:
        """How many sends prove an entry guilty, of which `sends` would do where nothing breaks by chance."""
        if not self.by_chance:
            return sends
        fewest, most = MOST_SHAKY_SENDS
        convincing = math.log(PROVED) / math.log(min(self.by_chance, 0.99))
        return max(sends, min(most, max(fewest, math.ceil(convincing))))


def recheck(entry: Entry, current: Instance | None, judge: Judge) -> Outcome | None:
    """What the portal's present word means for a planned entry; None: it is to be ended, as planned."""
    if current is None:
        return Outcome(entry.id, ENDED_BY[entry.action], LOST) if entry.doubt else Outcome(entry.id, State.GONE)
    if entry.doubt and guards.is_revived(entry.instance, current):
        return Outcome(entry.id, ENDED_BY[entry.action], _REVIVED)
    reason = guards.why_left_alone(entry, current, judge(current))
    return Outcome(entry.id, State.CHANGED, reason) if reason else None


def answered(entry: Entry, answer: CallAnswer) -> Outcome:
    """What one answer means. SENT: to be settled by asking the portal."""
    if answer.succeeded and answer.value is True:
        return Outcome(entry.id, ENDED_BY[entry.action])
    if is_operation_limit(answer.error):
        return Outcome(entry.id, State.PLANNED, refund=True, alone=entry.alone)
    if answer.error is not None:
        return Outcome(entry.id, State.SENT, str(answer.error), alone=entry.alone)
    unclear = _NOT_TRUE if answer.answered else _LEFT_OUT
    return Outcome(entry.id, State.SENT, unclear, alone=entry.alone, doubt=True)


def unless_ended(outcome: Outcome) -> Outcome:
    """The outcome of a call in a request that the portal refused as a whole: what it answered with an error waits."""
    if outcome.state in ENDED_BY.values() or outcome.doubt:
        return outcome
    return Outcome(outcome.id, State.PLANNED, refund=True, alone=outcome.alone)


def settle(unsettled: Sequence[Unsettled], found: Mapping[str, Instance], broken: Broken) -> list[Outcome]:
    """What became of SENT entries, now that the portal was asked.

    Calls of a batch run in order (PORTAL.md 1), so of a request that broke the first one still listed is the only
    suspect: it goes alone the next time, and the ones behind it were not reached. A request of which nothing is known,
    since our own process was ended, makes nobody a suspect.
    """
    outcomes: list[Outcome] = []
    suspected: set[int] = set()
    for item in unsettled:
        current = found.get(item.entry.id)
        if current is None or guards.is_revived(item.entry.instance, current):
            outcomes.append(_vanished(item.entry, revived=current is not None))
        elif item.entry.error:
            told_by_portal = item.entry.error not in {_NOT_TRUE, _LEFT_OUT}
            most = MOST_SENDS if told_by_portal else broken.most(MOST_SENDS)
            outcomes.append(_again(item.entry, item.entry.error, most=most))
        else:
            outcomes.append(_silent(item, broken, first=item.request not in suspected))
            suspected.add(item.request)
    return outcomes


def _vanished(entry: Entry, *, revived: bool) -> Outcome:
    if entry.error and not entry.doubt:
        return Outcome(entry.id, State.GONE, entry.error)
    return Outcome(entry.id, ENDED_BY[entry.action], _REVIVED if revived else LOST)


def _silent(item: Unsettled, broken: Broken, *, first: bool) -> Outcome:
    entry, crashed = item.entry, item.request in broken.crashed
    seen = crashed or item.request in broken.silent
    if entry.alone and seen:
        told = "the portal broke off the request each time it was sent alone"
        return _again(entry, told, most=broken.most(MOST_SENDS if crashed else MOST_SILENT_SENDS), doubt=not crashed)
    alone = entry.alone or (seen and first)
    return Outcome(entry.id, State.PLANNED, refund=True, alone=alone, doubt=not crashed)


def _again(entry: Entry, error: str, *, most: int, doubt: bool = False) -> Outcome:
    state = State.FAILED if entry.sends >= most else State.PLANNED
    return Outcome(entry.id, state, error, alone=entry.alone, doubt=doubt)


def still_at_work(
    listed: Sequence[Unsettled], sizes: Mapping[int, int], *, seconds_each: float | None, now: datetime
) -> float:
    """Seconds until the portal has surely finished the requests that held these entries, which it still lists.

    By the prediction made when they were sent, or by a shorter one from what kills were measured to take since.
    `sizes`: how many entries of each request went unanswered.
    """
    waits = [0.0]
    for item in listed:
        needed = (item.quiet_at - item.sent_at).total_seconds()
        if seconds_each is not None:
            needed = min(needed, at_work(sizes[item.request] * seconds_each))
        waits.append(needed - (now - item.sent_at).total_seconds())
    return min(max(waits), CUT)


def at_work(predicted: float) -> float:
    """Seconds after which a request that should take `predicted` is surely over."""
    return min(CUT, 2 * predicted + 1)
