"""Drains a journal: every planned entry is checked once more, claimed, sent and recorded; what is unclear is settled.

Interrupted at any point, a second apply ends nothing twice and loses no record.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
import anyio.lowlevel
import structlog

from cleanup import guards
from cleanup.apply.desk import FRESH, Desk, Rechecked
from cleanup.apply.outcomes import CUT, Broken, Judge, answered, at_work, settle, still_at_work, unless_ended
from cleanup.apply.portions import Portions
from cleanup.errors import CleanupError, SafetyStop, StoppedEarly
from cleanup.guards import Limits
from cleanup.journal import Batch, Journal, Outcome, Unsettled
from cleanup.knowledge import Rechecking
from cleanup.limits import MOST_IN_FLIGHT, SMALL_BATCH
from cleanup.model import ENDED_BY, Entry, Instance, State
from cleanup.portal.client import LOOK_UP_LIMIT, Ender, Ending, Reader
from cleanup.portal.errors import (
    AnswerLost,
    Crashed,
    NotExecuted,
    OperationLimited,
    RateLimited,
    TokenExpired,
    Unavailable,
    Unreachable,
)
from cleanup.portal.line import is_operation_limit
from cleanup.portal.pacing import Load, Permit
from cleanup.portal.wire import PAGE_SIZE, CallAnswer
from cleanup.stop import Stop

#: Requests in a row without a usable answer until the run stops.
_MOST_LOST = 12
#: So many entries tell whether a portal is another one than was planned on.
_TELLING = 500
#: Seconds that settling has left once a stop was asked for: a portal that answers needs far less.
_GRACE = 30.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that is on its way."""

    request: int
    began: datetime
    #: The same moment on the monotonic clock, and when the first of the entries was checked.
    at: float
    checked: float
    entries: int
    size: int
    load: Load


class Apply:
    """One apply of one journal. `run` returns when nothing is left to do or the stop was asked for."""

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        ender: Ender,
        *,
        judge: Judge,
        rechecking: Rechecking,
        limits: Limits,
        status: Callable[[Entry], str],
        stop: Stop,
        clock: Callable[[], datetime],
    ) -> None:
        self._journal, self._reader, self._ender = journal, reader, ender
        self._rechecking = rechecking
        self._limits, self._status, self._stop, self._clock = limits, status, stop, clock
        self._desk = Desk(journal, judge)
        self._portions = Portions(ender)
        self._checking = False
        self._changed = anyio.Event()
        #: Workers that wait for leave to send, and requests that are on their way.
        self._asking = 0
        self._in_flight = 0
        self._lost_in_a_row = 0
        #: Claims are written one by one, and each request is on its way before the next claim.
        self._turn = anyio.Lock()
        #: Requests of this process without a usable answer.
        self._silent, self._crashed = set[int](), set[int]()
        #: Requests whose answer left an entry out.
        self._left_out = 0
        #: An entry that was suspected of breaking a request ended when it was sent alone.
        self._vindicated = False
        #: Since this apply began: entries that ended, and those that the portal refused and that are not settled yet.
        #: What failed in an earlier apply says nothing about this one.
        self._ended = 0
        self._refused: set[str] = set()
        before = journal.state_counts()
        self._failed_before = before.get(State.FAILED, 0)
        #: A look-up showed most of its entries as planned.
        self._recognized = False
        #: Something of this plan was ended by an earlier apply: that the portal is the planned one is proved.
        self._ended_before = any(state in before for state in ENDED_BY.values())

    def __repr__(self) -> str:
        return f"<Apply {self._desk!r} {self._ender.pacer!r}>"

    async def run(self) -> None:
        """Raises CleanupError when it cannot go on; what was done until then is recorded."""
        await self.settle()
        while not self._stop.asked and self._desk.restart():
            self._portions.to_send = self._journal.state_counts().get(State.PLANNED, 0)
            async with anyio.create_task_group() as workers:
                for number in range(MOST_IN_FLIGHT):
                    workers.start_soon(self._work, name=f"worker {number}")
            if not isinstance(self._stop.error, Unreachable | AnswerLost):
                await self.settle()
        if self._stop.error is not None:
            raise self._stop.error

    async def _look_before_settling(self) -> None:
        """On a portal that is not the planned one, all that is in doubt would count as ended by us."""
        if self._ended_before or not self._journal.unsettled(1):
            return
        entries = self._journal.planned("", LOOK_UP_LIMIT)
        found = await self._rechecking.look_up(entries) if entries else {}
        if reason := self._other_portal(self._desk.recheck(entries, found)):
            raise SafetyStop(reason)

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
        self._desk.drop_stale(time.monotonic())
        if self._wants_check():
            work = self._check
        elif self._may_send():
            work = self._send
        else:
            await self._changed.wait()
            return
        try:
            await work()
        finally:
            self._changed.set()
            self._changed = anyio.Event()

    def _may_send(self) -> bool:
        if self._desk.ready <= self._asking * self._ender.pacer.size.now:
            return False
        return self._asking + self._in_flight == 0 or not self._portions.awaits_round(self._asking)

    def _wants_check(self) -> bool:
        pacer = self._ender.pacer
        enough = pacer.size.now * pacer.concurrency.now
        return not self._checking and self._desk.ready < enough and self._desk.more()

    async def _check(self) -> None:
        """Asks about as many entries as will be sent while the answer is fresh."""
        self._checking = True
        try:
            with self._stop.interrupts() as scope, self._ender.pacer.aside():
                rechecked, as_of = await self._look_up(self._portions.to_check())
                if len(rechecked) < _TELLING and self._other_portal(rechecked) and self._desk.more():
                    # The first ones of a plan may well have ended together: that they did says little of the others.
                    rechecked += (await self._look_up(_TELLING - len(rechecked)))[0]
            if not scope.cancelled_caught:
                if reason := self._other_portal(rechecked):
                    raise SafetyStop(reason)
                self._recognized |= len(rechecked) >= guards.FEWEST_LOOKED_UP
                self._desk.checked(rechecked, at=as_of, now=self._clock())
        finally:
            self._checking = False

    async def _look_up(self, count: int) -> tuple[list[Rechecked], float]:
        """Up to `count` entries with the portal's present word about them, and as of when that is."""
        entries = await self._to_check(count)
        found, as_of = await self._rechecking.look_up_at(entries)
        rechecked = await self._recheck(entries, found)
        self._note_check(len(entries), time.monotonic() - as_of)
        return rechecked, as_of

    async def _to_check(self, count: int) -> list[Entry]:
        """In parts, as `_recheck`."""
        entries: list[Entry] = []
        while len(entries) < count and (more := self._desk.to_check(min(PAGE_SIZE, count - len(entries)))):
            entries += more
            await anyio.lowlevel.checkpoint()
        return entries

    async def _recheck(self, entries: Sequence[Entry], found: Mapping[str, Instance]) -> list[Rechecked]:
        """In parts, and what is answered meanwhile has its turn between them."""
        rechecked: list[Rechecked] = []
        for at in range(0, len(entries), PAGE_SIZE):
            rechecked += self._desk.recheck(entries[at : at + PAGE_SIZE], found)
            await anyio.lowlevel.checkpoint()
        return rechecked

    def _note_check(self, entries: int, seconds: float) -> None:
        """Raises StoppedEarly where not even the least look-up is told in time."""
        if entries <= PAGE_SIZE and seconds > FRESH:
            raise StoppedEarly(
                f"{self._reader.portal} took {seconds:.0f} s to tell about {entries} instances. What it said is "
                "too old then to end anything by. Try again when the portal is less busy."
            )
        self._portions.checked(entries, seconds)

    def _other_portal(self, rechecked: Sequence[Rechecked]) -> str:
        """Why this may not be the portal that was planned on; "" when it is, as what was ended of this plan proves, or
        that most of a look-up was as planned: what vanishes behind it was ended by somebody else.
        """
        if self._ended_before or self._ended or self._recognized:
            return ""
        strange = sum(each.is_strange for each in rechecked)
        return guards.other_population(looked_up=len(rechecked), strange=strange)

    async def _send(self) -> None:
        """Waits for leave, claims, sends and records one request."""
        self._asking += 1
        try:
            with self._stop.interrupts() as scope:
                await self._ender.opening(min(SMALL_BATCH, self._desk.ready))
                permit, count = await self._ender.permit(self._to_end())
            if scope.cancelled_caught:
                return
            async with self._turn:
                batch, checked = self._desk.compose(count, at=time.monotonic())
                if not batch:
                    self._ender.pacer.not_sent(permit)
                    return
                sent = self._claim(batch, checked)
        finally:
            self._asking -= 1
        self._in_flight += 1
        try:
            await self._end(sent, batch, permit)
        finally:
            self._in_flight -= 1

    async def _end(self, sent: Sent, batch: Sequence[Entry], permit: Permit) -> None:
        try:
            answers = await self._ender.end([self._ending(entry) for entry in batch], permit)
        except NotExecuted as error:
            self._put_back(sent, batch, error)
            await self._after_refusal(error)
        except AnswerLost as error:
            await self._broken(sent, batch, error)
        else:
            self._lost_in_a_row = 0
            self._record(sent, batch, answers)
            await self._guard()

    def _to_end(self) -> int:
        is_all = not self._checking and not self._desk.more()
        return self._portions.to_end(self._desk.ready, is_all=is_all)

    def _claim(self, batch: Sequence[Entry], checked: float) -> Sent:
        now, size = self._clock(), self._ender.pacer.size
        quiet_at = now + timedelta(seconds=at_work(size.predicted(len(batch))))
        request = self._journal.claim([entry.id for entry in batch], now=now, quiet_at=quiet_at)
        self._portions.to_send -= len(batch)
        return Sent(request, now, time.monotonic(), checked, len(batch), size.now, self._ender.load())

    def _batch(self, sent: Sent, ended: int) -> Batch:
        return Batch(
            request=sent.request,
            began=sent.began,
            answered=self._clock(),
            entries=sent.entries,
            ended=ended,
            size=sent.size,
            seconds=time.monotonic() - sent.at,
            in_flight=sent.load.window,
            slowdown=self._ender.pacer.concurrency.slowdown,
        )

    def _ending(self, entry: Entry) -> Ending:
        return Ending(entry.id, entry.action, self._status(entry))

    def _put_back(self, sent: Sent, batch: Sequence[Entry], error: CleanupError) -> None:
        outcomes = [Outcome(entry.id, State.PLANNED, refund=True, alone=entry.alone) for entry in batch]
        self._journal.record(outcomes, now=self._clock(), batch=self._batch(sent, 0))
        self._desk.put_back(batch, checked=sent.checked)
        _log.info("apply.put_back", entries=len(outcomes), reason=str(error))

    async def _broken(self, sent: Sent, batch: Sequence[Entry], error: AnswerLost) -> None:
        """Leaves the entries SENT: what became of them is asked for when this round is over."""
        self._journal.record((), now=self._clock(), batch=self._batch(sent, 0))
        if isinstance(error, Crashed):
            self._crashed.add(sent.request)
        elif not isinstance(error, Unavailable):  # a busy front end says nothing about an entry
            self._silent.add(sent.request)
        if batch[0].alone and isinstance(error, Crashed):
            return  # a suspect that breaks its own request says nothing about the portal
        self._ender.pacer.broke(len(batch))
        if not isinstance(error, Unavailable):  # a portal that is busy never ends a run; the pacer slows down
            await self._after_loss(error)

    async def _after_refusal(self, error: NotExecuted) -> None:
        if isinstance(error, TokenExpired | RateLimited | OperationLimited):
            return  # there is a new token by now; and the pacer knows, and waits before the next permit
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
            outcomes = [unless_ended(outcome) for outcome in outcomes]
            self._stop.ask(blocking)
        ended = sum(outcome.state in ENDED_BY.values() for outcome in outcomes)
        self._journal.record(outcomes, now=self._clock(), batch=self._batch(sent, ended))
        back = {outcome.id for outcome in outcomes if outcome.state is State.PLANNED}
        self._desk.unchecked([entry for entry in batch if entry.id in back])
        self._refused |= {outcome.id for outcome in outcomes if outcome.error}
        self._ended += ended
        self._vindicated |= ended > 0 and batch[0].alone
        self._left_out += any(outcome.doubt for outcome in outcomes)
        told = self._ender.pacer.told()
        _log.info("apply.batch_done", request=sent.request, entries=len(batch), ended=ended, **told)

    def _for_all(self, answer: CallAnswer) -> CleanupError | None:
        """An error of one call that holds for the access as a whole, such as lost rights."""
        if answer.error is None or is_operation_limit(answer.error):
            return None
        return self._reader.line.refusal(answer.error, "a request to end instances")

    async def _guard(self) -> None:
        """Stops a run that goes wrong. What somebody else ended meanwhile is refused, too, but is no failure."""
        if not self._too_many_failures():
            return
        with self._stop.interrupts() as scope:
            found = await self._reader.look_up(sorted(self._refused)[:LOOK_UP_LIMIT])
            self._refused &= found.keys()
        if not scope.cancelled_caught and (reason := self._too_many_failures()):
            self._stop.ask(SafetyStop(reason))

    def _too_many_failures(self) -> str:
        failed = len(self._refused) + self._journal.failed() - self._failed_before
        return guards.too_many_failures(failed=failed, tried=self._ended + failed, limits=self._limits)

    async def settle(self) -> None:
        """Asks the portal about every SENT entry, first waiting for the end of a request that may still be at work.

        What a stop leaves unsettled stays SENT, for the next apply. Raises SafetyStop on another portal's data.
        """
        with self._stop.interrupts(grace=_GRACE):
            await self._look_before_settling()
            patience = CUT  # in all: a clock that was set back must not make us wait for hours
            while unsettled := self._journal.unsettled(LOOK_UP_LIMIT):
                found = await self._reader.look_up([item.entry.id for item in unsettled])
                wait = min(self._still_at_work(unsettled, found), patience)
                if wait > 0:
                    patience -= wait
                    await anyio.sleep(wait)
                    continue
                outcomes = settle(unsettled, found, self._broken_so_far())
                self._journal.record(outcomes, now=self._clock())
                self._refused -= {outcome.id for outcome in outcomes}
                _log.info("apply.settled", entries=len(outcomes), still_listed=len(found))

    def _broken_so_far(self) -> Broken:
        counters = self._reader.line.counters
        by_chance = 0.0
        if self._vindicated or counters.retried:
            broke = counters.retried + len(self._silent) + len(self._crashed) + self._left_out
            by_chance = (broke + 1) / (counters.sent + 2)
        return Broken(self._silent, self._crashed, by_chance)

    def _still_at_work(self, unsettled: Sequence[Unsettled], found: Mapping[str, Instance]) -> float:
        unanswered = [item for item in unsettled if not item.entry.error and item.request not in self._crashed]
        return still_at_work(
            [item for item in unanswered if item.entry.id in found],
            Counter(item.request for item in unanswered),
            seconds_each=self._ender.pacer.size.seconds_each,
            now=self._clock(),
        )
