"""What the portal can be asked and told, in our values. `Reader` cannot end anything; `Ender` is the one that can."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

import anyio
import anyio.lowlevel
import stamina

from cleanup.model import Action, Instance
from cleanup.portal import trusted, wire
from cleanup.portal.errors import (
    AnswerLost,
    OperationLimited,
    PortalError,
    RateLimited,
    TokenExpired,
    Unavailable,
    Unreachable,
)
from cleanup.portal.line import Line, in_words, is_operation_limit
from cleanup.portal.methods import BATCH, INSTANCES, METHOD_OF, TEMPLATES
from cleanup.portal.pacing import Load, Pacer, Permit
from cleanup.portal.trusted import Page
from cleanup.portal.wire import Call, CallAnswer, Json, Parameter

PAGES_AT_ONCE = wire.BATCH_LIMIT
#: Most portals have no more templates than fit these.
_FEW_PAGES = 10
#: How many instances one request can look up.
LOOK_UP_LIMIT = wire.BATCH_LIMIT * wire.PAGE_SIZE


def pages_behind(rows: int) -> int:
    """How many pages to ask for next: behind a short page one is enough to see that there is nothing."""
    return 1 if rows % wire.PAGE_SIZE else PAGES_AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one batch of harmless questions tells about portal and webhook."""

    administrator: bool | None
    scopes: frozenset[str] | None
    licence: str | None
    kill_exists: bool | None
    #: The portal's clock at the answer; None where it could not be read.
    now: datetime | None
    #: Seconds that the portal's clock is ahead of ours, half the way there and back taken off.
    ahead: float | None
    #: How many instances there are.
    population: int | None
    #: What kept the instances from being counted, for a person.
    refusal: PortalError | None
    round_trip: float


class Reader:
    """Asks the portal. Reading may be repeated, so every question is, with jitter, until a time limit."""

    #: Tries and seconds until a question is given up.
    patience: tuple[int, float] = (8, 180.0)

    def __init__(self, line: Line, clock: Callable[[], datetime]) -> None:
        self._line = line
        self._clock = clock
        #: PORTAL.md 2: -1 asks for no count; the oldest portals answer it with an SQL error and get 0.
        self._start = -1

    @property
    def line(self) -> Line:
        return self._line

    @property
    def portal(self) -> str:
        return self._line.portal

    async def ask(self, calls: Sequence[Call]) -> list[CallAnswer]:
        """Answers in the order of the calls; a call that the portal left out was asked again until it was answered."""
        return (await self._ask(calls))[0]

    async def _ask(self, calls: Sequence[Call]) -> tuple[list[CallAnswer], float]:
        """The answers, and when the question went that they are the answers to."""
        units = {**_count(calls), BATCH: self._line.pacer.in_kills(len(calls))}
        attempts, seconds = self.patience
        async for attempt in stamina.retry_context(
            on=(AnswerLost, Unreachable), attempts=attempts, timeout=seconds, wait_initial=0.2, wait_max=20.0
        ):
            with attempt:
                if attempt.num > 1:
                    self._line.counters.retried += 1
                return await self._ask_until_let_in(calls, units)
        raise AssertionError("stamina returns or raises")

    async def _ask_until_let_in(
        self, calls: Sequence[Call], units: Mapping[str, float]
    ) -> tuple[list[CallAnswer], float]:
        while True:
            permit = await self._line.pacer.permit(units, least=1e-9, guessed={BATCH})
            permit.use(units)
            asked_at = time.monotonic()
            try:
                answers = await self._line.batch(calls, permit)
            except TokenExpired:
                continue  # there is a new one
            except (RateLimited, OperationLimited, Unavailable):
                continue  # the pacer knows, and waits before the next permit
            if any(is_operation_limit(answer.error) for answer in answers):
                continue
            if not all(answer.answered for answer in answers):
                raise AnswerLost(f"{self.portal} left a part of {in_words(calls)} unanswered.")
            return answers, asked_at

    async def probe(self) -> Probe:
        """Asks who we are and what this portal can do. A missing answer is None; only a whole refusal raises."""
        calls = [
            Call("profile", {}),
            Call("app.info", {}),
            Call("scope", {}),
            Call("method.get", {"name": METHOD_OF[Action.KILL]}),
            Call("server.time", {}),
            Call(INSTANCES, {"start": 0, "ORDER": {"ID": "ASC"}, "SELECT": ["ID"]}),
        ]
        answers = await self.ask(calls)
        return _probe(answers, self._clock(), self._line)

    async def templates(self) -> dict[int, str]:
        """Names by id, of the templates that the portal lists: robots' and deleted ones are not among them.

        A name that was left out would make its instances look nameless, so a short page alone is not taken for the end:
        the portal must answer a page behind the last one with nothing.
        """
        found: dict[int, str] = {}
        at_once = _FEW_PAGES
        while True:
            after = max(found, default=0)
            answers = await self._chain([self._template_page(after, index) for index in range(at_once)])
            if answers is None:
                continue
            rows = trusted.templates(answers, after, self.value)
            if not rows:
                return found
            found.update(rows)
            at_once = pages_behind(len(rows))

    async def pages(self, after: str, at_once: int = PAGES_AT_ONCE) -> list[Page]:
        """Up to `at_once` pages of instances behind the ID `after`, in one request, as far as they can be trusted.

        The pages are chained by `$result` references. Behind a short page such a reference turns into a whole list
        (PORTAL.md 3.1), so a page counts only while IDs ascend and the page before it was full.
        """
        answers = await self._chain([self._page(after, index) for index in range(at_once)])
        return await self.pages(after, at_once) if answers is None else trusted.pages(answers, after, self.value)

    async def _chain(self, calls: Sequence[Call]) -> list[CallAnswer] | None:
        """The answers to chained pages. None: the oldest generation cannot do without a count, so ask with one."""
        answers = await self.ask(calls)
        if self._start == -1 and trusted.is_sql_error(answers[0].error):
            self._start = 0
            return None
        return answers

    def _template_page(self, after: int, index: int) -> Call:
        last: Parameter = after if index == 0 else wire.reference(index - 1, str(wire.PAGE_SIZE - 1), "ID")
        return Call(
            TEMPLATES,
            {"SELECT": ["ID", "NAME"], "ORDER": {"ID": "ASC"}, "FILTER": {">ID": last}, "start": self._start},
        )

    def _page(self, after: str, index: int) -> Call:
        last = after if index == 0 else wire.reference(index - 1, str(wire.PAGE_SIZE - 1), "ID")
        return Call(
            INSTANCES,
            {
                "SELECT": wire.FIELDS,
                "ORDER": {"ID": "ASC"},
                "FILTER": {">ID": last} if last else {},
                "start": self._start,
            },
        )

    async def count_around(self, bookmark: str, until: datetime) -> tuple[int | None, int | None]:
        """How many instances there are up to the ID `bookmark`, and behind it with IDs made up to `until`.

        None: the portal does not count them.
        """
        last = f"{int(until.timestamp()):08x}"
        ranges: list[dict[str, Parameter]] = [{"<=ID": bookmark or "0"}, {">ID": bookmark or "0", "<=ID": last}]
        behind, beyond = await self.ask([_count_call(where) for where in ranges])
        return behind.total, beyond.total if last > bookmark else 0

    async def look_up(self, ids: Sequence[str]) -> dict[str, Instance]:
        """Those of `ids` that are still running, at most 2,500 in one request."""
        return (await self.look_up_at(ids))[0]

    async def look_up_at(self, ids: Sequence[str]) -> tuple[dict[str, Instance], float]:
        """The same, and as of when on the monotonic clock: when the question went, behind all that it waited for."""
        pages = [ids[at : at + wire.PAGE_SIZE] for at in range(0, len(ids), wire.PAGE_SIZE)]
        answers, asked_at = await self._ask([_look_up_call(page) for page in pages])
        found: dict[str, Instance] = {}
        for page, answer in zip(pages, answers, strict=True):
            found.update(trusted.looked_up(self.value(answer, INSTANCES), page, self.portal))
            await anyio.lowlevel.checkpoint()  # what is answered meanwhile has its turn
        return found, asked_at

    async def of_document(self, document: str) -> list[Instance]:
        """The running instances of documents with this ID, of whatever module, and maybe a few of others."""
        # PORTAL.md 3.2: the pair is exact in every generation, where the bare key would compare by LIKE.
        where: dict[str, Parameter] = {">=DOCUMENT_ID": document, "<=DOCUMENT_ID": document}
        found: list[Instance] = []
        while True:
            after = {">ID": found[-1].id} if found else {}
            call = Call(INSTANCES, {"SELECT": wire.FIELDS, "ORDER": {"ID": "ASC"}, "FILTER": where | after, "start": 0})
            page = trusted.pages(await self.ask([call]), found[-1].id if found else "", self.value)[0]
            found += page.instances
            if not page.full:
                return found

    def value(self, answer: CallAnswer, method: str) -> Json:
        """The value of a successful answer. Raises PortalError for any other."""
        if answer.error is not None:
            error = self._line.refusal(answer.error, method)
            raise error or AnswerLost(f"{self.portal} answered {method} with {answer.error}.")
        if not answer.answered:
            raise AnswerLost(f"{self.portal} left {method} unanswered.")
        return answer.value


def _count_call(where: Mapping[str, Parameter]) -> Call:
    return Call(INSTANCES, {"SELECT": ["ID"], "ORDER": {"ID": "ASC"}, "FILTER": where, "start": 0})


def _look_up_call(ids: Sequence[str]) -> Call:
    """Asks for up to 50 instances by ID.

    The bare ID compares by LIKE over the whole table; the range beside it keeps that on the primary key
    (PORTAL.md 3.2 and 6). Both work in every generation, and one page holds all.
    """
    in_order = sorted(ids)
    where: dict[str, Parameter] = {"ID": in_order}
    if all(map(wire.is_regular, ids)):  # else the portal's order of texts may be another one than ours
        where |= {">=ID": in_order[0], "<=ID": in_order[-1]}
    return Call(INSTANCES, {"SELECT": wire.FIELDS, "ORDER": {"ID": "ASC"}, "FILTER": where, "start": 0})


def _count(calls: Iterable[Call]) -> dict[str, float]:
    counted: dict[str, float] = {}
    for call in calls:
        counted[call.method] = counted.get(call.method, 0.0) + 1
    return counted


def _probe(answers: Sequence[CallAnswer], local: datetime, line: Line) -> Probe:
    profile, application, scope, method, server_time, listed = answers
    now = wire.moment(server_time.value)
    refusal = None
    if listed.error is not None:
        refusal = line.refusal(listed.error, INSTANCES)
        refusal = refusal or AnswerLost(f"{line.portal} answered {INSTANCES} with {listed.error}.")
    return Probe(
        administrator=_flag(profile.value, "ADMIN"),
        scopes=frozenset(wire.text(name) for name in scope.value) if isinstance(scope.value, list) else None,
        licence=wire.text(_get(application.value, "LICENSE")) or None,
        kill_exists=_flag(method.value, "isAvailable"),
        now=now,
        ahead=None if now is None else (now - local).total_seconds() + line.round_trip / 2,
        population=listed.total,
        refusal=refusal,
        round_trip=line.round_trip,
    )


def _get(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


def _flag(value: Json, key: str) -> bool | None:
    found = _get(value, key)
    return found if isinstance(found, bool) else None


@dataclass(frozen=True, slots=True)
class Ending:
    """One instance to end, and how."""

    id: str
    action: Action
    #: The status text that terminate leaves on the workflow's record.
    status: str = ""


class Ender:
    """Ends instances. Nothing here is repeated: what became of a lost request is for the journal to settle."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @property
    def pacer(self) -> Pacer:
        return self._line.pacer

    def slot(self) -> AbstractAsyncContextManager[None]:
        return self._line.pacer.slot()

    async def opening(self, wanted: int) -> None:
        """Waits until the operating budget lets some of `wanted` endings through; it may be other ones than ours."""
        await self.pacer.opening(self._units(wanted, wanted), least=0.999 / max(1, wanted))

    async def permit(self, wanted: int) -> tuple[Permit, int]:
        """Waits until some of `wanted` endings may go, at least one, and says how many."""
        permit = await self.pacer.permit(self._units(wanted, wanted), least=0.999 / wanted)
        return permit, max(1, int(wanted * permit.share + 0.001))

    def _units(self, kills: int, terminates: int) -> dict[str, float]:
        return {METHOD_OF[Action.KILL]: kills, METHOD_OF[Action.TERMINATE]: terminates, BATCH: max(kills, terminates)}

    def let_through(self, wanted: int) -> float:
        """How many of `wanted` endings the operating budget has room for now."""
        return wanted * self.pacer.budget.fit(self._units(wanted, wanted), time.monotonic()) if wanted else 0.0

    def load(self) -> Load:
        """What a request that goes now adds to."""
        return Load(self.pacer.concurrency.now, self._line.in_flight + 1)

    async def end(self, endings: Sequence[Ending], permit: Permit) -> list[CallAnswer]:
        """Sends the endings in this order as one request; one answer for each. Raises PortalError for all of them."""
        calls = [_end_call(ending) for ending in endings]
        permit.use({**_count(calls), BATCH: len(calls)})
        began, load = time.monotonic(), self.load()
        self.pacer.ending()
        with self.pacer.working.measure():
            answers = await self._line.batch(calls, permit)
        if succeeded := sum(answer.succeeded for answer in answers):
            self.pacer.ended(len(calls), time.monotonic() - began, succeeded=succeeded, load=load)
        return answers


def _end_call(ending: Ending) -> Call:
    parameters: dict[str, Parameter] = {"ID": ending.id}
    if ending.action is Action.TERMINATE and ending.status:
        parameters["STATUS"] = ending.status
    return Call(METHOD_OF[ending.action], parameters)
