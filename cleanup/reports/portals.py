"""Many portals of one `run`: the one JSON document of them all, and the table for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cleanup.errors import worst
from cleanup.reports.document import Document
from cleanup.reports.ended import Ended, meaning_of
from cleanup.words import clean

_COUNTED = ("selected", "killed", "terminated", "pending", "failed")


@dataclass(frozen=True, slots=True)
class PortalEnd:
    """How the run of one portal ended."""

    #: As the portals file calls it.
    name: str
    ended: Ended


def document_of(ends: Sequence[PortalEnd]) -> Document:
    """`document` is that of the portal's run, None where it ended before there was one."""
    return {
        "verb": "run",
        "portals": [
            {
                "name": end.name,
                "portal": end.ended.portal or None,
                "exit": end.ended.exit_code,
                "message": end.ended.message,
                "document": end.ended.document,
            }
            for end in ends
        ],
        "exit": worst(end.ended.exit_code for end in ends),
    }


def show(ends: Sequence[PortalEnd], console: Console) -> None:
    """A line for each portal; what the messages say stands below, whole."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("portal")
    table.add_column("run", no_wrap=True)
    for name in ("exit", *_COUNTED):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("how it went")
    for end in ends:
        totals = end.ended.document["totals"] if end.ended.document else {}
        counts = (f"{totals[name]:,}" if totals else "" for name in _COUNTED)
        says = Text(meaning_of(end.ended.exit_code).says)
        run = end.ended.document["run"] if end.ended.document else ""
        table.add_row(end.name, end.ended.portal, run, str(end.ended.exit_code), *counts, says)
    console.print(table)


def messages(ends: Sequence[PortalEnd]) -> list[str]:
    """Of those that ended otherwise than well, the name before each first line."""
    return [
        "\n".join(clean(line) for line in f"{end.name}: {end.ended.message}".splitlines())
        for end in ends
        if end.ended.message
    ]
