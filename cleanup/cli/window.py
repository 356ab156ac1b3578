"""The time window and the caps of an apply, from their options."""

import re
import time
from typing import TYPE_CHECKING

from cleanup.cli.options import WindowOptions
from cleanup.errors import UsageError

if TYPE_CHECKING:
    from cleanup.commands import Window


def window_of(options: WindowOptions) -> "Window":
    from cleanup.commands import Window

    limits = [seconds_until(options.until)] if options.until is not None else []
    limits += [_duration(options.max_duration)] if options.max_duration is not None else []
    return Window(seconds=min(limits, default=None), max_kill=options.max_kill, dry_run=options.dry_run)


def seconds_until(text: str) -> float:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text):
        raise UsageError(f"--until takes a local time such as 06:30, not {text!r}.")
    hour, minute = map(int, text.split(":"))
    now = time.time()
    year, month, day, *_ = time.localtime(now)
    # mktime takes a day behind the end of a month, and knows the local rules of summer time
    moments = (time.mktime((year, month, later, hour, minute, 0, 0, 0, -1)) for later in (day, day + 1))
    return next(moment for moment in moments if moment > now) - now


def _duration(text: str) -> float:
    from cleanup.config import duration

    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--max-duration: {error}") from error
