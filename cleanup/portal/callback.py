"""Catches the browser that comes back from a login: a server on loopback, for one answer."""

import asyncio
from dataclasses import dataclass, field

import anyio
from aiohttp import web

from cleanup.errors import CleanupError, StoppedEarly, UsageError
from cleanup.portal.code_flow import code_of

HOST = "127.0.0.1"
#: Seconds for a person to log in.
PATIENCE = 600.0
_ARRIVED = "The code has arrived. You can close this page; b24-cleanup goes on in the terminal.\n"


@dataclass(slots=True)
class _Catcher:
    state: str
    code: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Whatever is not the answer to this login is told so, and waited on."""
        try:
            self.code = code_of(request.query, self.state)
        except CleanupError as error:
            return web.Response(text=f"{error}\n", status=400)
        self.arrived.set()
        return web.Response(text=_ARRIVED)


async def catch_code(port: int, state: str) -> str:
    """The code of the login with this state. Raises UsageError when the port is taken, StoppedEarly when none comes."""
    catcher = _Catcher(state)
    application = web.Application()
    application.router.add_get("/{anything:.*}", catcher.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, port)
        with anyio.move_on_after(PATIENCE):
            await catcher.arrived.wait()
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(2.0):
            await runner.cleanup()
    if not catcher.code:
        raise StoppedEarly(f"No login came back within {PATIENCE / 60:.0f} minutes. Try again.")
    return catcher.code


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is no port"
        raise UsageError(f"{HOST}:{port} cannot be listened on: {reason}. Name another port.") from error
