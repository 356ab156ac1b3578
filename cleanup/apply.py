"""Drains a journal: every planned entry is checked once more, claimed, sent and recorded; what is unclear is settled.

Interrupted at any point, a second apply ends nothing twice and loses no record.
"""

import math
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import anyio
import structlog

from cleanup import guards
from cleanup.errors import CleanupError, SafetyStop
from cleanup.guards import Limits
from cleanup.journal import Batch, Journal, Outcome, Unsettled
from cleanup.limits import SMALL_BATCH
from cleanup.model import ENDED_BY, Entry, Instance, State, Verdict
from cleanup.portal import refusals
from cleanup.portal.client import LOOK_UP_LIMIT, Ender, Ending, Reader, is_operation_limit
from cleanup.portal.errors import AnswerLost, Crashed, NotExecuted, OperationLimited, RateLimited, Unreachable
from cleanup.portal.wire import BATCH_LIMIT, CallAnswer

#: Seconds for which the portal's word that an instance is still there, and unchanged, is good enough to end it.
FRESH = 30.0
#: Sends that an entry can be blamed for until it is given up.
MOST_SENDS = 3
#: Requests in a row without a usable answer until the run stops.
_MOST_LOST = 12
_WORKERS = 16
#: PORTAL.md 4: the portal cuts a request here, so it is surely over then.
_CUT = 65.0
_log = structlog.get_logger()

Judge = Callable[[Instance], Verdict]


@dataclass(eq=False, slots=True)
class Stop:
    """Asks the workers to claim nothing more. The first reason counts; waits for the portal end at once."""

    #: None: a person or the clock asked, without an error.
    error: CleanupError | None = None
    asked: bool = False
    _scopes: set[anyio.CancelScope] = field(default_factory=set)

    def ask(self, error: CleanupError | None = None) -> None:
        if not self.asked:
            self.asked, self.error = True, error
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def interrupts(self) -> Iterator[anyio.CancelScope]:
        """A wait that ends when the stop is asked for; the scope then says `cancelled_caught`."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                if self.asked:
                    scope.cancel()
                yield scope
            finally:
                self._scopes.discard(scope)


class Desk:
    """Decides what is checked and what is sent next. Entries go planned → unchecked → ready → sent, in ID order."""

    def __init__(self, journal: Journal, judge: Judge) -> None:
        self._journal, self._judge = journal, judge
        self._cursor = ""
        self._unchecked: deque[Entry] = deque()
        self._ready: deque[tuple[float, Entry]] = deque()

    def __repr__(self) -> str:
        return f"<Desk ready={len(self._ready)} unchecked={len(self._unchecked)} cursor={self._cursor!r}>"

    def restart(self) -> bool:
        """Begins again at the first planned entry, once all of a round is settled. False: none is planned."""
        self._cursor = ""
        return bool(self._refill(1))

    def to_check(self, count: int) -> list[Entry]:
        """Takes up to `count` entries out for a look-up; hand them to `checked` or `unchecked`."""
        self._refill(count)
        return [self._unchecked.popleft() for _ in range(min(count, len(self._unchecked)))]

    def unchecked(self, entries: Sequence[Entry]) -> None:
        self._unchecked.extendleft(reversed(entries))

    def checked(self, entries: Sequence[Entry], found: Mapping[str, Instance], *, at: float, now: datetime) -> None:
        """Records those that vanished or changed; the others are ready, as of `at` on the monotonic clock."""
        outcomes = {entry.id: recheck(entry, found.get(entry.id), self._judge) for entry in entries}
        if decided := [outcome for outcome in outcomes.values() if outcome is not None]:
            self._journal.record(decided, now=now)
        self._ready.extend((at, entry) for entry in entries if outcomes[entry.id] is None)

    def compose(self, count: int, *, at: float) -> list[Entry]:
        """Up to `count` entries for one request, all freshly checked; a suspect goes by itself."""
        self._drop_stale(at)
        batch: list[Entry] = []
        while self._ready and len(batch) < count and not (batch and self._ready[0][1].alone):
            batch.append(self._ready.popleft()[1])
            if batch[-1].alone:
                break
        return batch

    @property
    def ready(self) -> int:
        return len(self._ready)

    def more(self) -> bool:
        """Whether any entry waits to be checked."""
        return bool(self._refill(1))

    def _refill(self, count: int) -> int:
        if len(self._unchecked) < count:
            fetched = self._journal.planned(self._cursor, count - len(self._unchecked))
            self._unchecked.extend(fetched)
            self._cursor = fetched[-1].id if fetched else self._cursor
        return len(self._unchecked)

    def _drop_stale(self, at: float) -> None:
        stale: list[Entry] = []
        while self._ready and at - self._ready[0][0] > FRESH:
            stale.append(self._ready.popleft()[1])
        self.unchecked(stale)


def recheck(entry: Entry, current: Instance | None, judge: Judge) -> Outcome | None:
    """What the portal's present word means for a planned entry; None: it is to be ended, as planned."""
    if current is None:
        if entry.sends:
            return Outcome(entry.id, ENDED_BY[entry.action], "the answer was lost; the portal no longer lists it")
        return Outcome(entry.id, State.GONE)
    reason = guards.why_left_alone(entry, current, judge(current))
    return Outcome(entry.id, State.CHANGED, reason) if reason else None


def answered(entry: Entry, answer: CallAnswer) -> Outcome:
    """What one answer means. SENT: unclear, to be settled by asking the portal."""
    if answer.succeeded and answer.value is True:
        return Outcome(entry.id, ENDED_BY[entry.action])
    if is_operation_limit(answer.error):
        return Outcome(entry.id, State.PLANNED, refund=True, alone=entry.alone)
    return Outcome(entry.id, State.SENT, "" if answer.error is None else str(answer.error), alone=entry.alone)


def settle(unsettled: Sequence[Unsettled], found: Mapping[str, Instance]) -> list[Outcome]:
    """What became of SENT entries, now that the portal was asked.

    Calls of a batch run in order (PORTAL.md 1), so of a request that broke the first one still listed is the only
    suspect: it goes alone the next time, and the ones behind it were not reached.
    """
    outcomes: list[Outcome] = []
    suspected: set[int] = set()
    for item in unsettled:
        entry = item.entry
        if entry.id not in found:
            outcomes.append(_vanished(entry))
        elif entry.error:
            outcomes.append(_again(entry, entry.error, alone=entry.alone))
        elif entry.alone:
            outcomes.append(_again(entry, "the portal broke off the request each time it was sent alone", alone=True))
        else:
            outcomes.append(Outcome(entry.id, State.PLANNED, refund=True, alone=item.request not in suspected))
            suspected.add(item.request)
    return outcomes


def _vanished(entry: Entry) -> Outcome:
    if entry.error and entry.sends == 1:
        return Outcome(entry.id, State.GONE, entry.error)
    return Outcome(entry.id, ENDED_BY[entry.action], "the answer was lost; the portal no longer lists it")


def _again(entry: Entry, error: str, *, alone: bool) -> Outcome:
    state = State.FAILED if entry.sends >= MOST_SENDS else State.PLANNED
    return Outcome(entry.id, state, error, alone=alone)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that is on its way."""

    request: int
    began: datetime
    #: The same moment on the monotonic clock.
    at: float
    entries: int
    size: int


class Apply:
    """One apply of one journal. `run` returns when nothing is left to do or the stop was asked for."""

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        ender: Ender,
        *,
        judge: Judge,
        limits: Limits,
        status: Callable[[Entry], str],
        stop: Stop,
        clock: Callable[[], datetime],
    ) -> None:
        self._journal, self._reader, self._ender = journal, reader, ender
        self._limits, self._status, self._stop, self._clock = limits, status, stop, clock
        self._desk = Desk(journal, judge)
        self._checking = False
        self._changed = anyio.Event()
        #: Workers that wait for leave to send, and requests that are on their way.
        self._asking = 0
        self._in_flight = 0
        self._lost_in_a_row = 0
        self._tried = 0
        #: Requests without a usable answer that the portal is known to work on no more.
        self._over: set[int] = set()
        #: Entries that the portal answered with an error in this round.
        self._refused = 0

    def __repr__(self) -> str:
        return f"<Apply {self._desk!r} {self._ender.pacer!r}>"

    async def run(self) -> None:
        """Raises CleanupError when it cannot go on; what was done until then is recorded."""
        await self._settle()
        while not self._stop.asked and self._desk.restart():
            async with anyio.create_task_group() as workers:
                for number in range(_WORKERS):
                    workers.start_soon(self._work, name=f"worker {number}")
            if not isinstance(self._stop.error, Unreachable | AnswerLost):
                await self._settle()
        if self._stop.error is not None:
            raise self._stop.error

    async def _work(self) -> None:
        try:
            while self._has_work():
                async with self._ender.slot():
                    if self._has_work():
                        await self._step()
        except CleanupError as error:
            self._stop.ask(error)  # the others finish what they have in flight, and record it

    def _has_work(self) -> bool:
        """False: the stop was asked for, or nothing is left and nothing that is under way can bring any."""
        if self._stop.asked:
            return False
        under_way = self._checking or self._asking > 0 or self._in_flight > 0
        return under_way or self._desk.ready > 0 or self._desk.more()

    async def _step(self) -> None:
        """One check, one request, or a wait until another worker has finished one."""
        if self._wants_check():
            work = self._check
        elif self._desk.ready > self._asking * self._ender.pacer.size.now:
            work = self._send
        else:
            await self._changed.wait()
            return
        try:
            await work()
        finally:
            self._changed.set()
            self._changed = anyio.Event()

    def _wants_check(self) -> bool:
        pacer = self._ender.pacer
        enough = pacer.size.now * pacer.concurrency.now
        return not self._checking and self._desk.ready < enough and self._desk.more()

    async def _check(self) -> None:
        """Asks about as many entries as will be sent while the answer is fresh."""
        self._checking = True
        entries = self._desk.to_check(self._stretch())
        try:
            at = time.monotonic()
            with self._stop.interrupts() as scope:
                found = await self._reader.look_up([entry.id for entry in entries])
            if not scope.cancelled_caught:
                self._desk.checked(entries, found, at=at, now=self._clock())
        finally:
            self._checking = False

    def _stretch(self) -> int:
        """Many where requests are scarce; else few, since both sides are busy with a long answer for a while."""
        pacer = self._ender.pacer
        each = pacer.size.seconds_each
        if each is None or pacer.bucket is None:
            return 10 * BATCH_LIMIT
        return max(BATCH_LIMIT, min(LOOK_UP_LIMIT, int(pacer.concurrency.now * FRESH / 2 / max(each, 1e-3))))

    async def _send(self) -> None:
        """Waits for leave, claims, sends and records one request."""
        self._asking += 1
        try:
            with self._stop.interrupts() as scope:
                permit, count = await self._ender.permit(self._wanted())
        finally:
            self._asking -= 1
        if scope.cancelled_caught:
            return
        batch = self._desk.compose(count, at=time.monotonic())
        if not batch:
            self._ender.pacer.not_executed(permit)
            return
        sent = self._claim(batch)
        self._in_flight += 1
        try:
            answers = await self._ender.end([self._ending(entry) for entry in batch], permit)
        except NotExecuted as error:
            self._put_back(sent, batch, error)
            await self._after_refusal(error)
        except AnswerLost as error:
            self._journal.record((), now=self._clock(), batch=self._batch(sent, 0))
            if isinstance(error, Crashed):
                self._over.add(sent.request)
            if not batch[0].alone:  # a suspect that breaks its own request says nothing about the portal
                self._ender.pacer.broke(len(batch))
                await self._after_loss(error)
        else:
            self._lost_in_a_row = 0
            self._record(sent, batch, answers)
        finally:
            self._in_flight -= 1

    def _wanted(self) -> int:
        """A batch; near the end, where the bucket has room, a fair part of what is left, so that all end together."""
        pacer = self._ender.pacer
        size = pacer.size.now
        crowded = pacer.bucket is not None and pacer.bucket.left < 2 * pacer.concurrency.now
        if crowded or self._checking or self._desk.more():
            return size
        return min(size, max(SMALL_BATCH, math.ceil(self._desk.ready / pacer.concurrency.now)))

    def _claim(self, batch: Sequence[Entry]) -> Sent:
        now, size = self._clock(), self._ender.pacer.size
        quiet_at = now + timedelta(seconds=at_work(size.predicted(len(batch))))
        request = self._journal.claim([entry.id for entry in batch], now=now, quiet_at=quiet_at)
        return Sent(request, now, time.monotonic(), len(batch), size.now)

    def _batch(self, sent: Sent, ended: int) -> Batch:
        return Batch(
            request=sent.request,
            began=sent.began,
            answered=self._clock(),
            entries=sent.entries,
            ended=ended,
            size=sent.size,
            seconds=time.monotonic() - sent.at,
        )

    def _ending(self, entry: Entry) -> Ending:
        return Ending(entry.id, entry.action, self._status(entry))

    def _put_back(self, sent: Sent, batch: Sequence[Entry], error: CleanupError) -> None:
        outcomes = [Outcome(entry.id, State.PLANNED, refund=True, alone=entry.alone) for entry in batch]
        self._journal.record(outcomes, now=self._clock(), batch=self._batch(sent, 0))
        self._desk.unchecked(list(batch))
        _log.info("apply.put_back", entries=len(outcomes), reason=str(error))

    async def _after_refusal(self, error: NotExecuted) -> None:
        if isinstance(error, RateLimited | OperationLimited):
            return  # the pacer knows, and waits before the next permit
        if isinstance(error, Unreachable):
            await self._after_loss(error)
        else:
            self._stop.ask(error)

    async def _after_loss(self, error: AnswerLost | Unreachable) -> None:
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= _MOST_LOST:
            self._stop.ask(error)
            return
        with self._stop.interrupts():
            await anyio.sleep(min(20.0, 0.1 * 2**self._lost_in_a_row) * random.uniform(0.5, 1))  # noqa: S311 - jitter

    def _record(self, sent: Sent, batch: Sequence[Entry], answers: Sequence[CallAnswer]) -> None:
        outcomes = [answered(entry, answer) for entry, answer in zip(batch, answers, strict=True)]
        blocking = next(filter(None, (self._for_all(answer) for answer in answers)), None)
        if blocking is not None:
            outcomes = [_unless_ended(outcome) for outcome in outcomes]
            self._stop.ask(blocking)
        ended = sum(outcome.state in ENDED_BY.values() for outcome in outcomes)
        self._journal.record(outcomes, now=self._clock(), batch=self._batch(sent, ended))
        back = {outcome.id for outcome in outcomes if outcome.state is State.PLANNED}
        self._desk.unchecked([entry for entry in batch if entry.id in back])
        self._tried += len(batch) - len(back)
        self._refused += sum(bool(outcome.error) for outcome in outcomes)
        pacer = repr(self._ender.pacer)
        _log.info("apply.batch_done", request=sent.request, entries=len(batch), ended=ended, pacer=pacer)
        self._guard()

    def _for_all(self, answer: CallAnswer) -> CleanupError | None:
        """An error of one call that holds for the webhook as a whole, such as lost rights."""
        if answer.error is None or is_operation_limit(answer.error):
            return None
        return refusals.of_call(answer.error, portal=self._reader.portal, asked="a request to end instances")

    def _guard(self) -> None:
        failed = self._refused + self._journal.failed()
        if reason := guards.too_many_failures(failed=failed, tried=self._tried, limits=self._limits):
            self._stop.ask(SafetyStop(reason))

    async def _settle(self) -> None:
        """Asks the portal about every SENT entry, first waiting for the end of a request that may still be at work."""
        self._refused = 0
        patience = _CUT  # in all: a clock that was set back must not make us wait for hours
        while unsettled := self._journal.unsettled():
            stretch = unsettled[:LOOK_UP_LIMIT]
            found = await self._reader.look_up([item.entry.id for item in stretch])
            unanswered = [item for item in stretch if not item.entry.error and item.request not in self._over]
            wait = still_at_work(
                [item for item in unanswered if item.entry.id in found],
                Counter(item.request for item in unanswered),
                seconds_each=self._ender.pacer.size.seconds_each,
                now=self._clock(),
            )
            wait = min(wait, patience)
            if wait > 0:
                patience -= wait
                await anyio.sleep(wait)
                continue
            outcomes = settle(stretch, found)
            self._journal.record(outcomes, now=self._clock())
            _log.info("apply.settled", entries=len(outcomes), still_listed=len(found))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an apply would do now: counts of the entries that wait."""

    would_end: int
    would_be_gone: int
    would_be_left_alone: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


async def rehearse(journal: Journal, reader: Reader, judge: Judge) -> Rehearsal:
    """Checks every waiting entry as `Apply` would, and neither sends nor writes anything."""
    found_states: Counter[State | None] = Counter()
    after = ""
    while entries := journal.planned(after, LOOK_UP_LIMIT):
        found = await reader.look_up([entry.id for entry in entries])
        outcomes = (recheck(entry, found.get(entry.id), judge) for entry in entries)
        found_states.update(None if outcome is None else outcome.state for outcome in outcomes)
        after = entries[-1].id
    changed, total = found_states[State.CHANGED], found_states.total()
    return Rehearsal(found_states[None], total - found_states[None] - changed, changed)


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
    return min(max(waits), _CUT)


def at_work(predicted: float) -> float:
    """Seconds after which a request that should take `predicted` is surely over."""
    return min(_CUT, 2 * predicted + 1)


def _unless_ended(outcome: Outcome) -> Outcome:
    if outcome.state in ENDED_BY.values():
        return outcome
    return Outcome(outcome.id, State.PLANNED, refund=True, alone=outcome.alone)
