"""Fixtures: the whole engine against a sandbox portal over a real socket."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from cleanup.sandbox import Sandbox, Settings
from tests.harness import Bench

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

#: A busy machine must not fail a property; pytest's own time limit ends one that hangs.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

Open = Callable[..., AbstractAsyncContextManager[Bench]]

#: A portal without the waits: for tests that are not about pace.
FAST: dict[str, Any] = {"bucket": 0, "licence": "ru_selfhosted", "kill_seconds": 0.001}


@pytest.fixture
def bench(tmp_path: Path) -> Open:
    """Opens a sandbox with the given settings, and the verbs on it."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Bench]:
        async with Sandbox(Settings(**(FAST | settings))) as sandbox:
            yield Bench(sandbox, tmp_path)

    return opened
