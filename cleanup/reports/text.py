"""A run, a probe or a list of runs as text for a person. Names from the portal are shown without control characters."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cleanup.reports.document import Document
from cleanup.words import clean

_LEFT_ALONE = ("protected", "kept", "no_match", "undecided", "locked")
_ENDS = ("killed", "terminated", "already_gone", "changed", "failed", "pending")


def show_run(document: Document, console: Console) -> None:
    """The document of plan, apply, run or status."""
    totals = document["totals"]
    console.print(f"[bold]{document['verb']}[/] {document['run']} · {document['portal']} · {document['state']}")
    population = document["population"]
    of = "" if population is None else f" of {population:,}"
    alone = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in _LEFT_ALONE if totals[name])
    console.print(f"listed {totals['listed']:,}{of}; left alone: {alone or 'none'}")
    ends = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in _ENDS if totals[name])
    console.print(f"selected {totals['selected']:,}" + (f": {ends}" if ends else ""))
    if document["in_doubt"]:
        console.print(f"{document['in_doubt']:,} of the pending were sent, with no outcome yet: apply asks about them")
    if document["by_rule"]:
        console.print(rules_table(document["by_rule"]))
    for row in document["undecided"]:
        console.print(f"undecided: {row['count']:,} by rule {row['rule']}, because {row['field']} is not known")
    if document.get("dry_run"):
        would = document["dry_run"]
        console.print(
            f"[bold]dry run[/]: {would['would_end']:,} would be ended now, {would['would_be_gone']:,} are gone "
            f"already, {would['would_be_left_alone']:,} changed and would be left alone. Nothing was sent."
        )
    _show_requests(document, console)


def rules_table(rows: Sequence[Document]) -> Table:
    shown = [name for name in ("selected", *_ENDS, *_LEFT_ALONE) if any(row.get(name) for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rule")
    table.add_column("action")
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(Text(clean(row["rule"])), row["action"], *(f"{row.get(name, 0):,}" for name in shown))
    return table


def _show_requests(document: Document, console: Console) -> None:
    requests, seconds = document["requests"], document["seconds"]
    extra = [f"{requests['retried']} repeated"] if requests["retried"] else []
    extra += [f"{requests['query_limit']} × 503"] if requests["query_limit"] else []
    extra += [f"{requests['operation_limit']} × operation limit"] if requests["operation_limit"] else []
    waited = [
        f"{seconds[name]:.0f} s waiting for {what}"
        for name, what in (("waiting_rate", "the request rate"), ("waiting_operating", "the operating budget"))
        if seconds[name] >= 1
    ]
    if document["verb"] == "status" and (pace := document["pace"]):
        console.print(_pace(pace))
    told = ", ".join([f"{requests['sent']} requests", *extra, f"{seconds['wall']:.1f} s", *waited])
    console.print(told)


def _pace(pace: Document) -> str:
    slow = "" if pace["slowdown"] is None else f", {pace['slowdown']:.1f} times as long as without our load"
    each = "" if pace["seconds_each"] is None else f", {pace['seconds_each'] * 1000:,.0f} ms each{slow}"
    return f"pace at last: {pace['in_flight']} requests in flight, up to {pace['batch']} in one{each}"


def named(document: Document) -> str:
    """How to name the run on a command line: by its id, or by a path where it does not lie in the state directory."""
    path = str(document["checkpoint"])
    return str(document["run"]) if path.endswith(f"/{document['run']}.sqlite") else shlex.quote(path)


def show_runs(documents: Sequence[Document], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "portal", "state", "rules"):
        table.add_column(name, no_wrap=name in {"run", "state"})
    for name in ("selected", "ended", "gone", "left", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for document in documents:
        totals = document["totals"]
        ended, gone = totals["killed"] + totals["terminated"], totals["already_gone"] + totals["changed"]
        counts = (totals["selected"], ended, gone, totals["pending"], totals["failed"])
        table.add_row(
            document["run"],
            document["portal"],
            document["state"],
            Text(clean(Path(document["rules"]["file"]).name)),
            *(f"{count:,}" for count in counts),
        )
    console.print(table if documents else "There is no run yet.")
