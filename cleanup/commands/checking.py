"""`check`: how far one gets with a portal, from its name to the last of its answers. Nothing is changed there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from rich.text import Text

from cleanup.commands.connection import Setting, clock
from cleanup.config.settings import Pace
from cleanup.portal.connect import pacer_of
from cleanup.portal.errors import PortalError
from cleanup.portal.line import Line
from cleanup.portal.pacing import BucketMemory
from cleanup.portal.probes import examine
from cleanup.portal.reaching import Way, reach
from cleanup.portal.told import Answers
from cleanup.portal.transport import open_transport
from cleanup.reports.checkup import Access, Examination

#: Seconds after which somebody without a terminal is told what takes so long.
_SILENCE = 2.0


async def check(setting: Setting) -> Examination:
    """Looks at everything it can get at. A PortalError becomes a part of what was found."""
    authorization = setting.authorization
    access = Access(kind=authorization.kind, source=setting.source, way=authorization.way)
    async with _told(setting, f"Connecting to {authorization.portal} …"):
        way = await _way(setting)
    if isinstance(way, PortalError):
        return Examination(portal=authorization.portal, access=access, at=clock(), failure=way)
    async with _told(setting, f"Asking {authorization.portal} …"):
        answers = await _answers(setting)
    if isinstance(answers, PortalError):
        return Examination(portal=authorization.portal, access=access, at=clock(), way=way, failure=answers)
    return Examination(portal=authorization.portal, access=access, at=clock(), way=way, answers=answers)


async def _way(setting: Setting) -> Way | PortalError:
    try:
        return await reach(urlsplit(setting.authorization.base).scheme, setting.authorization.portal)
    except PortalError as error:
        return error


async def _answers(setting: Setting) -> Answers | PortalError:
    memory = BucketMemory(setting.state.memory(setting.authorization.portal))
    try:
        async with open_transport(setting.authorization) as transport:
            return await examine(Line(transport, pacer_of(Pace(), memory, None)), clock)
    except PortalError as error:
        return error


@asynccontextmanager
async def _told(setting: Setting, message: str) -> AsyncIterator[None]:
    """Says on stderr what goes on: at once on a terminal, until it is over; elsewhere only when it takes long."""
    if setting.console.is_terminal:
        with setting.console.status(Text(message), spinner="line"):
            yield
        return
    async with anyio.create_task_group() as group:
        group.start_soon(_later, setting, message)
        yield
        group.cancel_scope.cancel()


async def _later(setting: Setting, message: str) -> None:
    await anyio.sleep(_SILENCE)
    setting.tell(message)
