"""What a plan would do, told to the person who decides: templates, ages, examples, cost, what stands against it."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cleanup.journal import Journal
from cleanup.model import Decision, Instance
from cleanup.reports.document import Document
from cleanup.reports.text import named, rules_table
from cleanup.rules import document_type
from cleanup.words import clean, duration

_MOST_TEMPLATES = 10
_EXAMPLES = 5
NO_NAME = "no name: a robot's or deleted template"


def show_story(document: Document, journal: Journal, console: Console) -> None:
    """Behind a plan's counts: what is among the selected, and how long their end will take."""
    _show_protected(journal, console)
    for meant in document.get("templates", ()):
        _show_meant(meant, console)
    if document["totals"]["selected"]:
        _show_templates(journal, console)
        _show_ages(journal, console)
        _show_examples(document, journal, console)
        _show_forecast(document.get("forecast"), console)
    for warning in document.get("warnings", ()):
        console.print(Text.assemble(("warning: ", "yellow"), clean(warning)))


def _show_protected(journal: Journal, console: Console) -> None:
    for count in journal.tally():
        if count.decision is Decision.PROTECTED:
            why = f", because {count.field} is not known" if count.field else ""
            console.print(f"protected: {count.count:,} by {clean(count.rule)}{why}", markup=False)


def _show_meant(meant: Document, console: Console) -> None:
    """Which templates the names in one rule mean."""
    names = [f"{clean(name)} ({number})" for number, name in meant["templates"].items()]
    more = f", and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    told = ", ".join(names[:_EXAMPLES]) or "no template"
    console.print(f"{clean(meant['rule'])} means {told}{more}", markup=False)


def _show_templates(journal: Journal, console: Console) -> None:
    names, counts = journal.templates() or {}, journal.template_counts()
    console.print("Selected, by template:")
    for template, count in counts[:_MOST_TEMPLATES]:
        name = clean(names.get(template or 0, NO_NAME))
        console.print(Text(f"  {count:>8,}  {name} ({template or 'no id'})"))
    if others := counts[_MOST_TEMPLATES:]:
        console.print(f"  {sum(count for _, count in others):>8,}  of {len(others):,} other templates")


def _show_ages(journal: Journal, console: Console) -> None:
    oldest, newest = journal.starts()
    if oldest and newest:
        console.print(f"The oldest started {oldest:%Y-%m-%d %H:%M}, the newest {newest:%Y-%m-%d %H:%M} (UTC).")


def _show_examples(document: Document, journal: Journal, console: Console) -> None:
    names = journal.templates() or {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Examples of each rule", title_justify="left")
    for name in ("rule", "id", "started (UTC)", "document", "template"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in document["by_rule"]:
        for number, instance in enumerate(journal.instances_of(row["rule"], _EXAMPLES)):
            table.add_row(Text(clean(row["rule"]) if not number else ""), *_example(instance, names))
    console.print(table)


def _example(instance: Instance, names: dict[int, str]) -> list[Text]:
    started = f"{instance.started:%Y-%m-%d %H:%M}" if instance.started else "unknown"
    template = names.get(instance.template_id or 0, NO_NAME)
    about = f"{document_type(instance) or 'unknown'} {instance.document_id or ''}"
    return [Text(clean(text)) for text in (instance.id, started, about, template)]


def _show_forecast(told: Document | None, console: Console) -> None:
    if told is None:
        return
    (shortest, longest), (fewest, most) = told["seconds"], told["requests"]
    if told["measured"]:
        basis = "as measured here before"
        took, asked = f"about {duration(longest)}", f"{most:,} requests"
    else:
        basis = "a guess of 0.05 to 0.5 s for each: nothing was measured on this portal yet"
        took, asked = f"{duration(shortest)} to {duration(longest)}", f"{fewest:,} to {most:,} requests"
    console.print(f"Ending them takes {took} and {asked}, held back by {told['waits_for']} ({basis}).")


def show_next(document: Document, console: Console, reasons: Iterable[str], *, copied: bool) -> None:
    """Behind a plan: what stands against it, or the next command. `copied`: it can be rehearsed."""
    reasons = list(reasons)
    for reason in reasons:
        console.print(f"[yellow]would be refused:[/] {reason}")
    if not document["totals"]["selected"]:
        console.print("Nothing to end.")
    elif not reasons:
        console.print("The guards have nothing against it.")
        # soft_wrap: a command that is broken into lines cannot be pasted.
        look, end = f"report {named(document)} --format csv", f"apply {named(document)} --confirm {document['portal']}"
        console.print(f"Look at it:  b24-cleanup {look}", soft_wrap=True)
        if copied:
            console.print(f"Rehearse it: b24-cleanup sandbox --from {named(document)}", soft_wrap=True)
        console.print(f"Then end it: b24-cleanup {end}", soft_wrap=True)


def show_preamble(document: Document, journal: Journal, console: Console) -> None:
    """What apply is about to do, before it asks."""
    pending = document["totals"]["pending"]
    if not pending:
        console.print("Nothing is left to end in this run.")
        return
    console.print(
        f"About to end {pending:,} workflow instances on [bold]{document['portal']}[/]. There is no way back."
    )
    console.print(f"rules {document['rules']['digest'][:19]}… · plan of {document['now']}")
    console.print(rules_table(document["by_rule"]))
    _show_templates(journal, console)


def show_difference(told: Document, console: Console) -> None:
    """A plan against another run."""
    console.print(f"[bold]Against {told['run']}[/]: {told['same']:,} selected by both, by the same rule.")
    for title, name in (("newly selected", "new"), ("no longer selected", "no_longer")):
        _show_ids(title, [f"{row['id']} ({clean(row['rule'])})" for row in told[name]], console)
    moved = [f"{row['id']} ({clean(row['from'])} → {clean(row['to'])})" for row in told["other_rule"]]
    _show_ids("selected by another rule or action", moved, console)


def _show_ids(title: str, rows: Sequence[str], console: Console) -> None:
    console.print(f"{len(rows):,} {title}{':' if rows else ''}")
    for row in rows[:_EXAMPLES]:
        console.print(Text(f"  {row}"))
    if len(rows) > _EXAMPLES:
        console.print(f"  … and {len(rows) - _EXAMPLES:,} more; -o json has all")
