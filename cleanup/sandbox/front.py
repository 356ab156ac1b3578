"""The way of one request from the socket to a worker and back: the bucket, the faults, the queue, the cut."""

import asyncio
from email.utils import formatdate
from typing import NamedTuple

from aiohttp import web

from cleanup.sandbox.bucket import Bucket
from cleanup.sandbox.errors import Crashed, Cut, RestError
from cleanup.sandbox.faults import Fault
from cleanup.sandbox.methods import contains_endings
from cleanup.sandbox.php import Parameters, parse_pairs, parse_text, read_json, write_json
from cleanup.sandbox.portal import Call, Portal
from cleanup.sandbox.script import Script


class Answer(NamedTuple):
    """What goes back, and under which name the ledger counts it. A body of None: the connection is dropped."""

    outcome: str
    status: int
    body: bytes | None
    html: bool = False


def _page(title: str) -> bytes:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()


_PAGES = {
    Fault.BAD_GATEWAY: (502, _page("502 Bad Gateway")),
    Fault.UNAVAILABLE: (503, _page("503 Service Temporarily Unavailable")),
    Fault.TIMEOUT_AFTER: (504, _page("504 Gateway Time-out")),
    Fault.HTML: (200, _page("Bitrix24")),
}


class Front:
    """Handles `/rest/{user}/{secret}/{method}`."""

    def __init__(self, portal: Portal) -> None:
        settings = portal.settings
        self._portal = portal
        self._bucket = Bucket(settings.bucket_size, settings.bucket_outflow)
        self._workers = asyncio.Semaphore(settings.workers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        ledger = self._portal.ledger
        ledger.entered()
        try:
            answer = await self._answer(request)
        finally:
            ledger.in_flight -= 1
        ledger.outcomes[answer.outcome] += 1
        return self._send(request, answer)

    async def _answer(self, request: web.Request) -> Answer:
        """In the order of the real thing: what the front end decides, then who asks, then what is asked."""
        if self._portal.faults.redirect is not None:
            return Answer("redirect", 302, b"")
        if not self._bucket.admit(self._portal.clock.monotonic()):
            return _refused("query_limit", RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503))
        parameters = await _parameters(request)
        try:
            self._authorize(request)
        except RestError as error:
            return _refused("refused", error)
        method = request.match_info["method"].lower().removesuffix(".json")
        return await self._work(method, parameters)

    def _authorize(self, request: web.Request) -> None:
        settings, faults = self._portal.settings, self._portal.faults
        owner = (request.match_info["user"], request.match_info["secret"])
        if not faults.webhook or owner != (str(settings.user), settings.secret):
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials", 401)
        if faults.overload:
            raise RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", faults.overload_status)

    async def _work(self, method: str, parameters: Parameters) -> Answer:
        fault = self._portal.faults.draw(kills=contains_endings(method, parameters))
        if fault is not None and fault.before:
            return _spoiled(fault, None)
        await asyncio.sleep(self._portal.settings.latency)
        async with self._workers:
            answer = await self._run(method, parameters)
        return answer if fault is None else _spoiled(fault, answer.body)

    async def _run(self, method: str, parameters: Parameters) -> Answer:
        """In a worker. Whatever happens, what was spent is billed."""
        portal, ledger = self._portal, self._portal.ledger
        script = Script(portal.clock, portal.settings.cut_seconds)
        ledger.started()
        try:
            answer = await portal.answer(Call(method, parameters, script, inside_batch=False))
            return Answer("answered", 200, write_json(answer))
        except RestError as error:
            return _refused("operation_limit" if error.code == "OPERATION_TIME_LIMIT" else "error", error)
        except Cut:
            return Answer("cut", *_PAGES[Fault.TIMEOUT_AFTER], html=True)
        except Crashed:
            return Answer("crashed", 500, _page("500 Internal Server Error"), html=True)
        finally:
            ledger.running -= 1
            portal.limiter.store(script, portal.clock.time())

    def _send(self, request: web.Request, answer: Answer) -> web.Response:
        if answer.body is None and request.transport is not None:
            request.transport.abort()
        headers = {
            "Content-Type": "text/html; charset=utf-8" if answer.html else "application/json; charset=utf-8",
            "Date": formatdate(self._portal.clock.time(), usegmt=True),
        }
        if answer.status == web.HTTPFound.status_code:
            headers["Location"] = f"{(self._portal.faults.redirect or '').rstrip('/')}{request.raw_path}"
        return web.Response(status=answer.status, body=answer.body or b"", headers=headers)


def _refused(outcome: str, error: RestError) -> Answer:
    return Answer(outcome, error.status, write_json(error.answer()))


def _spoiled(fault: Fault, body: bytes | None) -> Answer:
    if fault in _PAGES:
        return Answer(fault, *_PAGES[fault], html=True)
    if fault is Fault.EMPTY:
        return Answer(fault, 200, b"")
    if fault is Fault.TRUNCATED and body is not None:
        return Answer(fault, 200, body[: len(body) // 2])
    return Answer(fault, 200, None)


async def _parameters(request: web.Request) -> Parameters:
    """Query and body merged, the body over the query (PORTAL.md 3.1)."""
    return parse_text(request.raw_path.partition("?")[2]) | await _body(request)


async def _body(request: web.Request) -> Parameters:
    if request.content_type == "multipart/form-data":
        return parse_pairs((name, str(value)) for name, value in (await request.post()).items())
    text = (await request.read()).decode("utf-8", "replace")
    return read_json(text) if request.content_type == "application/json" else parse_text(text)
