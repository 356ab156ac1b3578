"""Sends batches under permits, and tells the pacer and the log what came of each."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import structlog

from cleanup.limits import Reading
from cleanup.portal import refusals, wire
from cleanup.portal.errors import (
    AnswerLost,
    NotExecuted,
    OperationLimited,
    PortalError,
    RateLimited,
    TokenExpired,
    Unavailable,
)
from cleanup.portal.methods import BATCH
from cleanup.portal.pacing import Pacer, Permit
from cleanup.portal.transport import Reply, Transport
from cleanup.portal.wire import Call, CallAnswer, CallError, Json
from cleanup.words import in_brief

#: New tokens in a row that were called expired, too, without any request let in.
_MOST_RENEWALS = 3
#: Seconds after its first sending in which a request may go again as it is.
_SOON = 2.0
_log = structlog.get_logger()


@dataclass(slots=True)
class Counters:
    """Requests of this process, for the run's document."""

    sent: int = 0
    retried: int = 0
    query_limit: int = 0
    operation_limit: int = 0


class Line:
    """Sends one batch under a permit, and tells the pacer what came of it."""

    def __init__(self, transport: Transport, pacer: Pacer) -> None:
        self._transport = transport
        self.pacer = pacer
        self.counters = Counters()
        #: Requests that are on their way now.
        self.in_flight = 0
        #: The newest version of the authorization with which a request was let in.
        self._accepted_version = transport.authorization.version
        #: The last answer as a whole: what it says of `batch` as a method of its own.
        self.outer = CallAnswer()
        #: Seconds from the last request that was answered to its answer.
        self.round_trip = 0.0

    @property
    def portal(self) -> str:
        return self._transport.portal

    @property
    def moved_to(self) -> str | None:
        """The host that a renamed portal answers from; None: it answers from the webhook's own."""
        return self._transport.moved_to

    async def batch(self, calls: Sequence[Call], permit: Permit) -> list[CallAnswer]:
        """The answers in the order of the calls. Raises PortalError for the request as a whole."""
        self.counters.sent += 1
        began = time.monotonic()
        try:
            reply = await self._post(calls)
            document = self._accepted(reply.status, reply.document, is_json=reply.is_json, asked=in_words(calls))
            answers = [self._hidden(answer) for answer in wire.batch_answers(document, len(calls))]
        except PortalError as error:
            self._note(error, calls, permit)
            raise
        except wire.WireError as error:
            lost = AnswerLost(f"{self.portal} answered {in_words(calls)} in a shape that is not a batch: {error}.")
            self._note(lost, calls, permit)
            raise lost from error
        self.round_trip = time.monotonic() - began
        self._accepted_version = max(self._accepted_version, reply.version)
        self.outer = wire.call_answer(document)
        self.pacer.answered(permit, _readings(calls, answers, self.outer))
        self._note_limits(calls, answers)
        return answers

    async def _post(self, calls: Sequence[Call]) -> Reply:
        """A request that was refused for an expired token was not executed: it goes again with a new one.

        Raises TokenExpired when that took so long that what it ends should be looked at once more.
        """
        self.in_flight += 1
        try:
            body, began = wire.batch_body(calls), time.monotonic()
            reply = await self._transport.post(BATCH, body)
            while await self._renewed_for(reply):
                await self.pacer.token()
                if time.monotonic() - began > _SOON:
                    raise TokenExpired(f"{self.portal} called the token expired; there is a new one.")
                self.counters.sent += 1
                reply = await self._transport.post(BATCH, body)
            return reply
        finally:
            self.in_flight -= 1

    async def _renewed_for(self, reply: Reply) -> bool:
        """Whether it says that the token has expired, and there is a new one now. Raises PortalError."""
        hopeful = reply.version - self._accepted_version < _MOST_RENEWALS
        return hopeful and _is_expired(reply) and await self._transport.renew(reply.version)

    def refusal(self, error: CallError, asked: str) -> PortalError | None:
        """The error that holds for the whole access to this portal, not for one instance; None for the latter."""
        return refusals.of_call(error, portal=self.portal, asked=asked, way=self._transport.authorization.way)

    def _accepted(self, status: int, document: Json, *, is_json: bool, asked: str) -> Json:
        told = self._redacted(wire.error_in(document)) if is_json else None
        way = self._transport.authorization.way
        error = refusals.of_reply(status, told, portal=self.portal, asked=asked, way=way)
        if error is not None:
            raise error
        if not is_json:
            raise AnswerLost(
                f"{self.portal} answered {asked} with something that is not JSON (HTTP {status}), such as a web page. "
                f"Check that the {way}'s address is the portal's own."
            )
        return document

    def _hidden(self, answer: CallAnswer) -> CallAnswer:
        return answer if answer.error is None else replace(answer, error=self._redacted(answer.error))

    def _redacted(self, error: CallError | None) -> CallError | None:
        """The portal's words, clean and without the secret: an error may repeat the address that was asked."""
        if error is None:
            return None
        return CallError(*(in_brief(self._transport.redact(text)) for text in (error.code, error.text)))

    def _note(self, error: PortalError, calls: Sequence[Call], permit: Permit) -> None:
        if isinstance(error, RateLimited):
            self.counters.query_limit += 1
        if isinstance(error, RateLimited):
            self.pacer.rate_refused()
        if isinstance(error, Unavailable):
            self.pacer.unavailable()
        if isinstance(error, OperationLimited):
            self.counters.operation_limit += 1
            self.pacer.operation_refused({BATCH, *(call.method for call in calls)})
        if isinstance(error, NotExecuted):
            self.pacer.not_executed(permit)
        else:
            self.pacer.lost(permit)
        _log.warning("portal.request_failed", kind=type(error).__name__, calls=len(calls), error=str(error))

    def _note_limits(self, calls: Sequence[Call], answers: Sequence[CallAnswer]) -> None:
        blocked = {call.method for call, answer in zip(calls, answers, strict=True) if is_operation_limit(answer.error)}
        if blocked:
            self.counters.operation_limit += 1
            self.pacer.operation_refused(blocked)
            _log.warning("portal.operation_limit", methods=sorted(blocked))


def _is_expired(reply: Reply) -> bool:
    """PORTAL.md 4: decided by the code, before any method of the request is looked at."""
    error = wire.error_in(reply.document) if reply.is_json else None
    return error is not None and error.code.lower() == "expired_token"


def is_operation_limit(error: CallError | None) -> bool:
    return error is not None and error.code.upper() == "OPERATION_TIME_LIMIT"


def in_words(calls: Sequence[Call]) -> str:
    methods = sorted({call.method for call in calls})
    return f"a batch of {len(calls)} ({', '.join(methods[:2])}{', …' if len(methods) > 2 else ''})"


def _readings(calls: Sequence[Call], answers: Sequence[CallAnswer], outer: CallAnswer) -> dict[str, Reading]:
    """What the answer says about each method's counter, and about `batch` as a method of its own."""
    meters: dict[str, list[wire.Meter]] = {}
    for call, answer in zip(calls, answers, strict=True):
        if answer.meter is not None:
            meters.setdefault(call.method, []).append(answer.meter)
    readings = {method: _reading(found) for method, found in meters.items()}
    if outer.meter is not None:
        readings[BATCH] = _reading([outer.meter])
    return readings


def _reading(meters: Sequence[wire.Meter]) -> Reading:
    """The counter at the first call, and its growth where most calls show that they cost something.

    Where they do not, each costs less than the portal notices, and what growth there is was stored by other requests.
    """
    first, last = meters[0], meters[-1]
    grown = sum(after.operating > before.operating for before, after in pairwise(meters))
    noticed = grown > len(meters) / 2
    growth = last.operating - first.operating if noticed else 0.0
    reset_at, answered_at = first.reset_at, last.finish
    reset_in = None if reset_at is None or answered_at is None else max(0.0, reset_at - answered_at)
    return Reading(first.operating, growth=growth, grown_over=grown, reset_in=reset_in)
