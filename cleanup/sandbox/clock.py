"""The portal's clock: real seconds, counted from whatever moment the settings name."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime


class Clock:
    """Ticks like the real one; `monotonic` is for measuring, `time` is what the portal believes.

    `skew` tells by how many seconds it is ahead just now.
    """

    def __init__(self, start: datetime | None, skew: Callable[[], float]) -> None:
        began = time.time() if start is None else start.timestamp()
        self._offset = began - time.monotonic()
        self._skew = skew

    def time(self) -> float:
        """The portal's seconds since 1970."""
        return self._offset + time.monotonic() + self._skew()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, moment: float) -> None:
        """Until a monotonic moment: what came late once is made good the next time."""
        if (seconds := moment - time.monotonic()) > 0:
            await asyncio.sleep(seconds)
