"""A sandbox on a real socket for each test that asks for one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from sandbox_client import NOW, Caller, Opener

from cleanup.sandbox import Sandbox, Settings


@pytest.fixture
async def portal() -> AsyncIterator[Opener]:
    """Opens a sandbox with the given settings; costs nothing and is not limited unless they say so."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def opened(**chosen: Any) -> Caller:
            settings = Settings(**{"instances": 120, "kill_seconds": 0.0, "bucket": 0, "now": NOW} | chosen)
            return Caller(await stack.enter_async_context(Sandbox(settings)), session)

        yield opened
