"""The verbs that show what is: on the portal, or in a checkpoint. None of them changes anything."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanup.cli.app import app
from cleanup.cli.grouped import grouped
from cleanup.cli.options import (
    AnyOutput,
    AnyOutputOption,
    NowOption,
    Output,
    OutputOption,
    PortalOptions,
    RunArgument,
    StateOption,
)
from cleanup.cli.shared import load, moment_of, open_console, print_json, run_async, setting_of, state_directory
from cleanup.errors import CleanupError

if TYPE_CHECKING:
    from cleanup.commands import Setting
    from cleanup.state_directory import StateDirectory


@app.command()
@grouped
def check(
    output: OutputOption = Output.TEXT,
    *,
    portal: PortalOptions,
) -> None:
    """Examine the portal: the way there, rights, methods, limits, clocks, instances. Changes nothing."""
    tell_of_access(setting_of(portal), output)


def tell_of_access(setting: "Setting", output: Output) -> None:
    """What was found. Raises AccessError or another one where the access does not do."""
    from cleanup import commands
    from cleanup.reports import checkup
    from cleanup.reports.checkup import shown

    found = run_async(commands.check, setting)
    findings = checkup.judged(found)
    if output is Output.JSON:
        print_json(shown.as_json(findings, found))
    else:
        shown.show(findings, open_console())
    if failure := checkup.failure_of(findings, found):
        raise failure


@app.command()
@grouped
def templates(
    output: AnyOutputOption = AnyOutput.TEXT,
    *,
    portal: PortalOptions,
) -> None:
    """List the templates with how many instances each has. Changes nothing."""
    from cleanup import commands
    from cleanup.reports import inventory as shown

    survey = run_async(commands.inventory, setting_of(portal))
    if output is AnyOutput.JSON:
        print_json(shown.template_rows(survey))
    elif output is AnyOutput.CSV:
        shown.write_templates_csv(survey, sys.stdout)
    else:
        shown.show_templates(survey, open_console())


@app.command()
@grouped
def inventory(
    output: AnyOutputOption = AnyOutput.TEXT,
    *,
    portal: PortalOptions,
) -> None:
    """Count what is there, before any rule: by template, document type, age, starter and state. Changes nothing."""
    from cleanup import commands
    from cleanup.reports import inventory as shown

    survey = run_async(commands.inventory, setting_of(portal))
    if output is AnyOutput.JSON:
        print_json(shown.as_json(survey))
    elif output is AnyOutput.CSV:
        shown.write_csv(survey, sys.stdout)
    else:
        shown.show(survey, open_console())


@app.command()
@grouped
def explain(
    target: Annotated[str, typer.Argument(metavar="RULES|RUN", help="A rules file, or a run.", show_default=False)],
    identity: Annotated[str, typer.Argument(metavar="ID", help="The instance's id.", show_default=False)],
    now: NowOption = None,
    output: OutputOption = Output.TEXT,
    *,
    portal: PortalOptions,
) -> None:
    """Show why an instance will or will not be ended: its values, every rule, every clause."""
    from cleanup import commands
    from cleanup.journal import Journal
    from cleanup.reports import explanation

    if _is_rules(Path(target)):
        rules, setting = load(Path(target)), setting_of(portal)
        told = run_async(commands.explain_by_rules, setting, rules, identity, moment_of(now))
    else:
        with Journal.open(state_directory(portal.state_dir).find(target), readonly=True) as journal:
            recorded = commands.explain_entry(journal, identity)
            told = recorded or run_async(commands.explain_by_run, setting_of(portal), journal, identity)
    if output is Output.JSON:
        print_json(explanation.as_json(told))
    else:
        explanation.show(told, open_console())


@app.command()
def status(run: RunArgument = "last", output: OutputOption = Output.TEXT, state_dir: StateOption = None) -> None:
    """Show how a run stands. Asks nobody but the checkpoint."""
    from cleanup.reports.text import named, show_run

    state = state_directory(state_dir)
    shown = status_of(state, state.find(run))
    if output is Output.JSON:
        print_json(shown)
    else:
        console = open_console()
        show_run(shown, console)
        console.print(f"rules {shown['rules']['file']}, planned as of {shown['now']}", markup=False)
        if shown["totals"]["pending"]:
            console.print(f"Go on with: b24-cleanup apply {named(shown)} --confirm {shown['portal']}", soft_wrap=True)


def status_of(state: "StateDirectory", path: Path) -> dict[str, Any]:
    from cleanup.journal import Journal
    from cleanup.reports.document import document, exit_of

    with Journal.open(path, readonly=True) as journal:
        dead = journal.state() == "applying" and not state.held(journal.head().portal)
        return document(journal, verb="status", exit_code=exit_of(journal), state="stopped" if dead else None)


@app.command()
def runs(output: OutputOption = Output.TEXT, state_dir: StateOption = None) -> None:
    """List the runs in the state directory, oldest first."""
    from cleanup.reports.text import show_runs

    state = state_directory(state_dir)
    documents: list[dict[str, Any]] = []
    for path in state.runs().values():
        try:
            documents.append(status_of(state, path))
        except CleanupError as error:
            typer.echo(f"b24-cleanup: {error}", err=True)
    if output is Output.JSON:
        print_json(documents)
    else:
        show_runs(documents, open_console())


def _is_rules(path: Path) -> bool:
    """By the name's ending, else by content: a run may be named by a path, too."""
    if path.suffix in {".yaml", ".yml", ".sqlite"}:
        return path.suffix != ".sqlite"
    try:
        with path.open("rb") as file:
            return not file.read(16).startswith(b"SQLite format 3")
    except OSError:
        return False


@app.command()
@grouped
def verify(
    run: RunArgument = "last",
    output: OutputOption = Output.TEXT,
    *,
    portal: PortalOptions,
) -> None:
    """Ask the portal whether everything that a run ended is gone. Changes nothing."""
    from cleanup import commands
    from cleanup.journal import Journal

    path = state_directory(portal.state_dir).find(run)
    setting = setting_of(portal)
    with Journal.open(path, readonly=True) as journal:
        found, code = run_async(commands.verify, setting, journal)
    if output is Output.JSON:
        print_json({"checkpoint": str(path), "asked": found.asked, "survived": list(found.survived), "exit": code})
    else:
        typer.echo(f"{found.asked:,} ended entries asked about, {len(found.survived):,} still there.")
        for identity in found.survived:
            typer.echo(identity)
    raise typer.Exit(code)
