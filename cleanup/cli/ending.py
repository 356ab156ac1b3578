"""`plan`, `apply` and `run`: the verbs that lead to an end."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleanup.cli.app import app
from cleanup.cli.grouped import grouped
from cleanup.cli.options import (
    CheckpointOption,
    LockedOption,
    ManyOptions,
    MetricsOption,
    NowOption,
    OptionalRules,
    Output,
    OutputOption,
    PortalOptions,
    Record,
    RecordOption,
    RehearsalOption,
    RulesArgument,
    RunArgument,
    TellOptions,
    WindowOptions,
)
from cleanup.cli.portals import one_or_many, run_many
from cleanup.cli.shared import finish, load, moment_of, open_console, run_async, setting_of, state_directory, way_in
from cleanup.cli.window import window_of
from cleanup.errors import ExitCode, SafetyStop, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from cleanup.commands import Result
    from cleanup.journal import Journal


@app.command()
@grouped
def plan(
    rules: RulesArgument,
    checkpoint: CheckpointOption = None,
    now: NowOption = None,
    include_locked: LockedOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 10 when the plan is not empty.")
    ] = False,
    record: RecordOption = Record.SELECTED,
    rehearsal: RehearsalOption = False,
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff", metavar="RUN", help="Tell what differs from what that run selected.", show_default=False
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
    metrics_file: MetricsOption = None,
    *,
    portal: PortalOptions,
) -> None:
    """List and judge all instances and write the plan. Changes nothing on the portal."""
    from cleanup import commands
    from cleanup.cli.aftermath import Aftermath, followed

    def work() -> commands.Result:
        setting, loaded = setting_of(portal), load(rules)
        other = setting.state.find(diff) if diff is not None else None
        result = run_async(
            commands.plan,
            setting,
            loaded,
            checkpoint=checkpoint,
            now=moment_of(now),
            include_locked=include_locked,
            record=record.value,
            rehearsal=rehearsal,
        )
        if other is not None and not result.exit_code:
            result.document["diff"] = commands.difference(other, Path(result.document["checkpoint"]))
        if detailed_exitcode and not result.exit_code and result.document["totals"]["selected"]:
            result.document["exit"] = int(ExitCode.PLAN_NOT_EMPTY)
        return result

    aftermath = Aftermath(verb="plan", rules=rules.stem, tell=TellOptions(metrics_file=metrics_file, notify_on=""))
    result = followed(aftermath, portal, work)
    finish(result, output, behind=None if result.exit_code else _next_of_plan(portal))


@app.command()
@grouped
def apply(
    run: RunArgument,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="HOST", help="The portal's host, instead of typing it.", show_default=False),
    ] = None,
    output: OutputOption = Output.TEXT,
    *,
    within: WindowOptions,
    tell: TellOptions,
    portal: PortalOptions,
) -> None:
    """End exactly what the plan selects, each checked once more. Also resumes."""
    from cleanup import commands
    from cleanup.cli.aftermath import Aftermath, followed
    from cleanup.journal import Journal

    def work() -> commands.Result:
        setting, window = setting_of(portal), window_of(within)
        with Journal.open(state_directory(portal.state_dir).find(run)) as journal:
            if not window.dry_run and not commands.refusals(journal, setting.authorization, window):
                _confirm(journal, confirm, setting.console)
            return run_async(commands.apply, setting, journal, window)

    finish(followed(Aftermath(verb="apply", tell=tell, silent=within.dry_run), portal, work), output)


@app.command()
@grouped
def run(
    rules: OptionalRules = None,
    checkpoint: CheckpointOption = None,
    now: NowOption = None,
    include_locked: LockedOption = False,
    output: OutputOption = Output.TEXT,
    *,
    many: ManyOptions,
    within: WindowOptions,
    tell: TellOptions,
    portal: PortalOptions,
) -> None:
    """For cron: finish an unfinished run, then plan and, within the rules' limits, apply. Also on many portals."""
    from cleanup import commands
    from cleanup.cli.aftermath import Aftermath, followed

    if rules is None or many != ManyOptions():
        rules = one_or_many(rules, checkpoint, many, portal)
    if rules is None:
        run_many(many, within, tell, portal, output, now=moment_of(now), include_locked=include_locked)

    def work() -> commands.Result:
        setting, loaded, window = setting_of(portal), load(rules), window_of(within)
        return run_async(
            commands.run,
            setting,
            loaded,
            window,
            checkpoint=checkpoint,
            now=moment_of(now),
            include_locked=include_locked,
        )

    aftermath = Aftermath(verb="run", rules=rules.stem, tell=tell, silent=within.dry_run)
    finish(followed(aftermath, portal, work), output)


def _next_of_plan(portal: PortalOptions) -> Callable[["Result"], None]:
    from cleanup import commands
    from cleanup.journal import Journal
    from cleanup.reports import story

    def show(result: "Result") -> None:
        shown, console = result.document, open_console()
        with Journal.open(Path(shown["checkpoint"]), readonly=True) as journal:
            story.show_story(shown, journal, console)
            reasons = commands.refusals(journal, way_in(portal).authorization, commands.Window())
            copied = journal.records_all()
        if "diff" in shown:
            story.show_difference(shown["diff"], console)
        story.show_next(shown, console, reasons, copied=copied)

    return show


def _confirm(journal: "Journal", confirm: str | None, console: "Console") -> None:
    """Asks for the portal's host. Raises UsageError where nobody can be asked, SafetyStop for a wrong one."""
    from cleanup.reports.document import document
    from cleanup.reports.story import show_preamble

    portal = journal.head().portal
    if confirm is None:
        shown = document(journal, verb="apply", exit_code=0)
        show_preamble(shown, journal, console)
        if not shown["totals"]["pending"]:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"apply ends instances for good; confirm it by: --confirm {portal}")
        confirm = typer.prompt(f"Type {portal} to go on", err=True, default="", show_default=False)
    if confirm.strip() != portal:
        raise SafetyStop(f"{confirm.strip()!r} is not {portal}. Nothing was ended.")
