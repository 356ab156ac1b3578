"""Many portals of one `run`: the one JSON document of them all, and the table for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from cleanup.errors import worst
from cleanup.reports.document import Document
from cleanup.reports.ended import Ended
from cleanup.words import clean


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
    """A line for each portal, in the words of `runs`; the messages are for stderr."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("name", "portal", "run"):
        table.add_column(name, no_wrap=name != "portal", overflow="fold")
    for name in ("exit", "selected", "ended", "gone", "left", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for end in ends:
        document = end.ended.document
        run, counts = ("", [""] * 5) if document is None else (document["run"], _counts(document["totals"]))
        table.add_row(end.name, end.ended.portal, run, str(end.ended.exit_code), *counts)
    console.print(table)


def _counts(totals: Document) -> list[str]:
    ended, gone = totals["killed"] + totals["terminated"], totals["already_gone"] + totals["changed"]
    counts = (totals["selected"], ended, gone, totals["pending"], totals["failed"])
    return [f"{count:,}" for count in counts]


def messages(ends: Sequence[PortalEnd]) -> list[str]:
    """Of those that ended otherwise than well, the name before each first line."""
    return [
        "\n".join(clean(line) for line in f"{end.name}: {end.ended.message}".splitlines())
        for end in ends
        if end.ended.message
    ]
