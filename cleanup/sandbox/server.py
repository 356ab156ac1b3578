"""The sandbox as a server on loopback: `async with Sandbox(Settings(...)) as sandbox`."""

import json
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from cleanup.sandbox.answers import Answer, refused, send, spoiled
from cleanup.sandbox.copies import Copy
from cleanup.sandbox.documents import Documents
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.front import Front, read_parameters
from cleanup.sandbox.ledger import Ledger
from cleanup.sandbox.methods import METHODS
from cleanup.sandbox.oauth import Tokens
from cleanup.sandbox.office import Office
from cleanup.sandbox.php import Parameters, write_json
from cleanup.sandbox.portal import Portal
from cleanup.sandbox.rows import INSTANCE_COLUMNS, Row, printer
from cleanup.sandbox.settings import Settings
from cleanup.sandbox.switches import Faults
from cleanup.sandbox.world import World

_HOST = "127.0.0.1"
_LARGEST_BODY = 32 * 2**20
#: Requests still at work when the sandbox is closed are given up after this long.
_PATIENCE = 0.05
_LOGIN = "<!DOCTYPE html>\n<html><head><title>Bitrix24</title></head><body><form>Log in</form></body></html>\n"


class Sandbox:
    """A portal that listens while the context is open. Its state can be read, and changed, at any time.

    Leaving the context does not wait for work in progress.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._portal = Portal(self.settings, METHODS)
        self.tokens = Tokens(self.settings, self._portal.faults)
        self._tls = _context(*self.settings.tls) if self.settings.tls else None
        self._runner: web.AppRunner | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self.world!r} {self.ledger!r} {self._portal.limiter!r}>"

    @property
    def copy(self) -> Copy | None:
        """What the instances were copied from; None: they are made up."""
        return self._portal.copy

    @property
    def office(self) -> Office:
        return self._portal.office

    @property
    def documents(self) -> Documents:
        return self._portal.documents

    @property
    def world(self) -> World:
        return self._portal.world

    @property
    def ledger(self) -> Ledger:
        return self._portal.ledger

    @property
    def faults(self) -> Faults:
        return self._portal.faults

    def now(self) -> float:
        """The portal's clock, seconds since 1970."""
        return self._portal.clock.time()

    @property
    def url(self) -> str:
        """The portal's base address, with a slash at its end."""
        if self._runner is None:
            raise RuntimeError("the sandbox is not running; use it with `async with`")
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{_HOST}:{self._runner.addresses[0][1]}/"

    @property
    def webhook(self) -> str:
        return f"{self.url}rest/{self.settings.user}/{self.settings.secret}/"

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_PATIENCE)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self.settings.port, ssl_context=self._tls).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_BODY)
        router = application.router
        router.add_get("/sandbox/ledger", self._show_ledger)
        router.add_get("/sandbox/instances", self._show_instances)
        router.add_get("/sandbox/population", self._show_population)
        router.add_get("/sandbox/faults", self._show_faults)
        router.add_post("/sandbox/faults", self._change_faults)
        front = Front(self._portal, self.tokens)
        for verb in ("GET", "POST"):
            for path in ("/rest/{user}/{secret}/{method}", "/rest/{method}"):
                router.add_route(verb, path, front.handle)
                router.add_route(verb, f"{path}/", front.handle)
            router.add_route(verb, "/oauth/token/", self._give_tokens)
        router.add_get("/oauth/authorize/", self._authorize)
        router.add_route("*", "/{anything:.*}", _show_login)
        return application

    async def _show_ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ledger.to_json() | {"tokens": self.tokens.to_json()})

    async def _show_instances(self, _request: web.Request) -> web.Response:
        return self._show(self.world.alive)

    async def _show_population(self, _request: web.Request) -> web.Response:
        return self._show(self.world.population)

    def _show(self, rows: list[Row] | tuple[Row, ...]) -> web.Response:
        """All fields, printed as the list method prints them."""
        return web.json_response(list(map(printer(INSTANCE_COLUMNS, INSTANCE_COLUMNS, self._portal.zone), rows)))

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return web.json_response(self.faults.to_json())

    async def _change_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.change(json.loads(await request.text()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self.faults.to_json())

    async def _authorize(self, request: web.Request) -> web.Response:
        """The portal's part of a login, for a browser whose user is logged in already. Errors are told on the page."""
        asked, handler = await read_parameters(request), self.settings.handler
        try:
            code = self.tokens.code(asked, self.now())
        except RestError as error:
            return web.Response(text=f"{error.text}\n", status=error.status)
        if not handler:
            return web.Response(text=f"{code.text}\n")
        back = self.tokens.way_back(handler, code, asked, host=request.host)
        return web.Response(status=302, headers={"Location": back})

    async def _give_tokens(self, request: web.Request) -> web.StreamResponse:
        """The central server's part, on the same host so that it can be rehearsed (PORTAL.md 10)."""
        fault = self.faults.draw_for_tokens()
        asked = await read_parameters(request)
        if fault is None:
            answer = self._tokens_for(asked)
        else:
            answer = spoiled(fault, None if fault.before else self._tokens_for(asked))
        return await send(request, answer, now=self.now(), slow_seconds=self.faults.slow_seconds)

    def _tokens_for(self, asked: Parameters) -> Answer:
        try:
            return Answer("answered", 200, write_json(self.tokens.give(asked, self.now(), portal=self.url)))
        except RestError as error:
            return refused("error", error)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises ValueError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise ValueError(f"{certificate} and {key} are no certificate and its key: {error}") from error
    return context


async def _show_login(_request: web.Request) -> web.Response:
    """PORTAL.md 4: a wrong path is answered by a login page with status 200."""
    return web.Response(text=_LOGIN, content_type="text/html")
