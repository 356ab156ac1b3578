"""The live view of a terminal, and the lines where there is none. What it says comes from line.py."""

from collections.abc import Callable
from typing import TypeVar

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from cleanup.progress import line
from cleanup.progress.listing import ListingMeter
from cleanup.progress.meter import Meter
from cleanup.progress.snapshot import Level, Listed, Snapshot

T = TypeVar("T")

_EVERY = 30.0
_LIVE_EVERY = 0.5
#: Columns of a bar, at most and at least; on a narrower terminal it has a line of its own.
_WIDEST, _NARROWEST = 60, 20
#: From here on there is room for gauges.
_WIDE = 100


async def watch(meter: Meter, console: Console) -> None:
    """Shows an apply until it is cancelled."""
    await _watch(meter.snapshot, view, line.describe, console)


async def watch_listing(meter: ListingMeter, console: Console) -> None:
    """Shows a listing until it is cancelled."""
    await _watch(meter.snapshot, listing_view, line.describe_listing, console)


async def _watch(
    snapshot: Callable[[], T], drawn: Callable[[T, int], Group], told: Callable[[T], str], console: Console
) -> None:
    if not console.is_terminal:
        while True:
            await anyio.sleep(_EVERY)
            console.print(told(snapshot()), highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            live.update(drawn(snapshot(), console.width), refresh=True)
            await anyio.sleep(_LIVE_EVERY)


def view(snapshot: Snapshot, width: int) -> Group:
    """The bar, then pace, limits, and what is waited for, each from a new line."""
    head = line.count(snapshot.done, snapshot.total).rjust(line.widest(snapshot.total))
    return Group(
        *_bar(Level(snapshot.done, snapshot.total), head, width),
        *_lines(line.pace(snapshot), width, "bold red" if snapshot.failed else ""),
        *_lines(line.limits(snapshot, gauges=width >= _WIDE), width, "dim"),
        *_lines(line.wait(snapshot), width, "yellow"),
    )


def listing_view(listed: Listed, width: int) -> Group:
    head = line.listed_of(listed)
    whole = listed.population
    bar = [Text(head)] if whole is None else _bar(Level(listed.listed, whole), head.rjust(line.widest(whole)), width)
    return Group(*bar, *_lines(line.listing_parts(listed), width, ""))


def _bar(level: Level, head: str, width: int) -> list[Text]:
    beside = width - len(head) - 1
    columns = min(_WIDEST, beside if beside >= _NARROWEST else width)
    filled = int(columns * level.share)
    bar = Text(line.FULL * filled, "green") + Text(line.REST * (columns - filled), "bright_black")
    return [bar + Text(f" {head}")] if beside >= _NARROWEST else [bar, Text(head.lstrip())]


def _lines(parts: list[str], width: int, style: str) -> list[Text]:
    return [Text(text, style, no_wrap=True, overflow="ellipsis") for text in line.flow(parts, width)]
