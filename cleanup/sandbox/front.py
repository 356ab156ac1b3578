"""The way of one request from the socket to a worker and back: the bucket, the troubles, the queue, the cut."""

import asyncio
from urllib.parse import urlsplit

from aiohttp import web

from cleanup.sandbox.answers import PAGES, Answer, page, refused, send, spoiled
from cleanup.sandbox.bucket import Bucket
from cleanup.sandbox.endings import any_endings, commands
from cleanup.sandbox.errors import Crashed, Cut, RestError
from cleanup.sandbox.faults import Fault, Mishap, Refusal
from cleanup.sandbox.ledger import Work
from cleanup.sandbox.oauth import Tokens
from cleanup.sandbox.php import Parameters, parse_pairs, parse_text, read_json, to_text, write_json
from cleanup.sandbox.portal import Call, Portal
from cleanup.sandbox.script import Script

_OPERATION_LIMIT = RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)
_QUERY_LIMIT = RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)


class Front:
    """Handles `/rest/{user}/{secret}/{method}`, and `/rest/{method}` with an application's token."""

    def __init__(self, portal: Portal, tokens: Tokens) -> None:
        settings = portal.settings
        self._portal, self._tokens = portal, tokens
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
        faults = self._portal.faults
        return await send(request, answer, now=self._portal.clock.time(), slow_seconds=faults.slow_seconds)

    async def _answer(self, request: web.Request) -> Answer:
        """In the order of the real thing: what the front end decides, then who asks, then what is asked."""
        portal = self._portal
        portal.reached()
        if location := _moved(request, portal.faults.redirect):
            return Answer("redirect", 302, b"", location=location)
        if not self._bucket.admit(portal.clock.monotonic(), others=portal.faults.neighbour):
            return refused("query_limit", _QUERY_LIMIT)
        parameters = await read_parameters(request)
        try:
            self._authorize(request, parameters)
        except RestError as error:
            return refused("refused", error)
        method = request.match_info["method"].lower().removesuffix(".json")
        return await self._work(method, parameters)

    def _authorize(self, request: web.Request, parameters: Parameters) -> None:
        faults = self._portal.faults
        if "secret" in request.match_info:
            self._check_webhook(request.match_info["user"], request.match_info["secret"])
        else:
            self._tokens.check(_token(request, parameters), self._portal.clock.time())
        if faults.refusal is not None:
            raise faults.refusal
        if faults.overload:
            raise self._overload()

    def _check_webhook(self, user: str, secret: str) -> None:
        settings = self._portal.settings
        if not self._portal.faults.webhook or (user, secret) != (str(settings.user), settings.secret):
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials", 401)

    def _overload(self) -> RestError:
        status = self._portal.faults.overload_status
        return RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", status)

    async def _work(self, method: str, parameters: Parameters) -> Answer:
        asked = commands(method, parameters)
        mishap = self._portal.faults.draw(kills=any_endings(asked), commands=len(asked))
        if isinstance(mishap.trouble, Refusal) and mishap.limited_from is None:
            return self._refuse(mishap.trouble)
        fault = mishap.trouble if isinstance(mishap.trouble, Fault) else None
        if fault is not None and fault.before:
            return spoiled(fault, None)
        self._portal.life.before_request()
        await asyncio.sleep(self._portal.settings.latency)
        async with self._workers:
            answer = await self._run(method, parameters, mishap, ends=any_endings(asked))
        return answer if fault is None else spoiled(fault, answer)

    def _refuse(self, refusal: Refusal) -> Answer:
        if refusal is Refusal.OVERLOAD:
            return refused("overload", self._overload())
        return refused(refusal, _QUERY_LIMIT if refusal is Refusal.QUERY_LIMIT else _OPERATION_LIMIT)

    async def _run(self, method: str, parameters: Parameters, mishap: Mishap, *, ends: bool) -> Answer:
        """In a worker. Whatever happens, what was spent is billed."""
        portal, ledger = self._portal, self._portal.ledger
        script = Script(portal.clock, portal.settings.cut_seconds, mishap)
        ledger.started()
        began = portal.clock.monotonic()
        try:
            answer = await portal.answer(Call(method, parameters, script, inside_batch=False))
            return Answer("answered", 200, write_json(answer))
        except RestError as error:
            return refused("operation_limit" if error.code == "OPERATION_TIME_LIMIT" else "error", error)
        except Cut:
            return Answer("cut", *PAGES[Fault.CUT], html=True)
        except Crashed:
            return Answer("crashed", 500, page("500 Internal Server Error"), html=True)
        finally:
            ledger.stopped(Work(began, portal.clock.monotonic(), ends))
            portal.limiter.store(script, portal.clock.time())


def _moved(request: web.Request, redirect: str | None) -> str | None:
    """Where a renamed portal sends a request that came to its old name; None when it came to the new one."""
    if redirect is None:
        return None
    base = redirect if "://" in redirect else f"{request.scheme}://{redirect}:{request.url.port}"
    if urlsplit(base).netloc == request.host:
        return None
    return f"{base.rstrip('/')}{request.raw_path}"


def _token(request: web.Request, parameters: Parameters) -> str:
    """From the header, which wins, or from the parameters (PORTAL.md 10)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    return to_text(parameters.get("auth") or parameters.get("access_token"))


async def read_parameters(request: web.Request) -> Parameters:
    """Query and body merged, the body over the query (PORTAL.md 3.1)."""
    return parse_text(request.raw_path.partition("?")[2]) | await _body(request)


async def _body(request: web.Request) -> Parameters:
    if request.content_type == "multipart/form-data":
        return parse_pairs((name, str(value)) for name, value in (await request.post()).items())
    text = (await request.read()).decode("utf-8", "replace")
    return read_json(text) if request.content_type == "application/json" else parse_text(text)
