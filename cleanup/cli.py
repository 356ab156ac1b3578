"""The door: options in, text or JSON out, and the exit code. stdout is data, stderr is messages and progress."""

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from cleanup.errors import CleanupError, ExitCode, SafetyStop, UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from typer.exceptions import TyperException

    from cleanup.commands import Result, Setting, Window
    from cleanup.config import RulesFile
    from cleanup.journal import Journal
    from cleanup.state_directory import StateDirectory

#: Columns of a table that goes into a file or a pipe.
_WIDTH = 140

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="b24-cleanup",
    help="Ends stuck Bitrix24 workflow instances by rules: shows first what it will do, ends exactly that, resumes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


class AnyOutput(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class Table(StrEnum):
    CSV = "csv"
    JSON = "json"


RulesArgument = Annotated[Path, typer.Argument(metavar="RULES", help="The rules file (YAML).", show_default=False)]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, a checkpoint file, or “last”.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="text for people, json for programs.")]
AnyOutputOption = Annotated[
    AnyOutput, typer.Option("-o", "--output", help="text for people, json and csv for programs.")
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir", metavar="DIR", help="Where runs are kept [env: B24_CLEANUP_STATE_DIR].", show_default=False
    ),
]
WebhookOption = Annotated[
    Path | None,
    typer.Option(
        "--webhook-file",
        metavar="FILE",
        help="A file that holds the webhook's address [env: B24_WEBHOOK_FILE, or the address in B24_WEBHOOK_URL].",
        show_default=False,
    ),
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Write the checkpoint here, not in the state directory.",
        show_default=False,
    ),
]
NowOption = Annotated[
    str | None,
    typer.Option(
        "--now", metavar="ISO", help="Judge ages as of this time, not of the portal's clock.", show_default=False
    ),
]
LockedOption = Annotated[
    bool, typer.Option("--include-locked", help="Also end instances that are just being executed.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Everything but the write.")]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="HH:MM", help="Claim nothing more after this local time.", show_default=False),
]
DurationOption = Annotated[
    str | None,
    typer.Option("--max-duration", metavar="4h", help="Claim nothing more after so long.", show_default=False),
]
MaxKillOption = Annotated[
    int | None,
    typer.Option("--max-kill", metavar="N", min=0, help="Instead of limits.max_kill of the rules.", show_default=False),
]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Log one line a batch to stderr.")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"b24-cleanup {version('b24-cleanup')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What all verbs share."""


@app.command()
def check(
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Probe the portal: webhook, rights, methods, limits, clock, how many instances. Changes nothing."""
    from cleanup import commands
    from cleanup.reports import probe

    setting = _setting(webhook_file, state_dir, verbose=verbose)
    connection = _run_async(commands.check, setting)
    findings = probe.findings(connection.probe, setting.webhook.portal)
    if output is Output.JSON:
        _print_json(probe.as_json(findings, connection.probe, setting.webhook.portal))
    else:
        probe.show(findings, _console())
    commands.require_rights(connection.probe, setting.webhook.portal)


@app.command()
def validate(rules: RulesArgument) -> None:
    """Check a rules file offline: every fault with its place."""
    loaded = _load(rules)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{rules}: {len(loaded.book.protect)} protect and {len(loaded.book.rules)} rules, no fault.")


@app.command()
def plan(
    rules: RulesArgument,
    checkpoint: CheckpointOption = None,
    now: NowOption = None,
    include_locked: LockedOption = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 10 when the plan is not empty.")
    ] = False,
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """List and judge all instances and write the plan. Changes nothing on the portal."""
    from cleanup import commands

    loaded = _load(rules)
    setting = _setting(webhook_file, state_dir, verbose=verbose)
    result = _run_async(
        commands.plan, setting, loaded, checkpoint=checkpoint, now=_moment(now), include_locked=include_locked
    )
    if detailed_exitcode and not result.exit_code and result.document["totals"]["selected"]:
        result.document["exit"] = int(ExitCode.PLAN_NOT_EMPTY)
    _finish(result, output, behind=None if result.exit_code else _next_of_plan(setting))


@app.command()
def apply(
    run: RunArgument,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="HOST", help="The portal's host, instead of typing it.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    until: UntilOption = None,
    max_duration: DurationOption = None,
    max_kill: MaxKillOption = None,
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """End exactly what the plan selects, each checked once more. Also resumes."""
    from cleanup import commands
    from cleanup.journal import Journal

    window = _window(until, max_duration, max_kill, dry_run=dry_run)
    path = _state(state_dir).find(run)
    setting = _setting(webhook_file, state_dir, verbose=verbose)
    with Journal.open(path) as journal:
        if not dry_run and not commands.refusals(journal, setting.webhook, window):
            _confirm(journal, confirm, setting.console)
        _finish(_run_async(commands.apply, setting, journal, window), output)


@app.command()
def run(
    rules: RulesArgument,
    checkpoint: CheckpointOption = None,
    now: NowOption = None,
    include_locked: LockedOption = False,
    dry_run: DryRunOption = False,
    until: UntilOption = None,
    max_duration: DurationOption = None,
    max_kill: MaxKillOption = None,
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """For cron: finish an unfinished run, then plan and, within the rules' limits, apply."""
    from cleanup import commands

    loaded = _load(rules)
    window = _window(until, max_duration, max_kill, dry_run=dry_run)
    setting = _setting(webhook_file, state_dir, verbose=verbose)
    result = _run_async(
        commands.run, setting, loaded, window, checkpoint=checkpoint, now=_moment(now), include_locked=include_locked
    )
    _finish(result, output)


@app.command()
def status(run: RunArgument = "last", output: OutputOption = Output.TEXT, state_dir: StateOption = None) -> None:
    """Show how a run stands. Asks nobody but the checkpoint."""
    from cleanup.reports.text import show_run

    state = _state(state_dir)
    shown = _status_of(state, state.find(run))
    if output is Output.JSON:
        _print_json(shown)
    else:
        show_run(shown, _console())


@app.command()
def runs(output: OutputOption = Output.TEXT, state_dir: StateOption = None) -> None:
    """List the runs in the state directory, oldest first."""
    from cleanup.reports.text import show_runs

    state = _state(state_dir)
    documents: list[dict[str, Any]] = []
    for path in state.runs().values():
        try:
            documents.append(_status_of(state, path))
        except CleanupError as error:
            typer.echo(f"b24-cleanup: {error}", err=True)
    if output is Output.JSON:
        _print_json(documents)
    else:
        show_runs(documents, _console())


@app.command()
def report(
    run: RunArgument = "last",
    table: Annotated[Table, typer.Option("--format", help="One row an entry.")] = Table.CSV,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Write here, not to stdout.", show_default=False)
    ] = None,
    state_dir: StateOption = None,
) -> None:
    """Write the entries of a run: what was selected, by which rule, and what became of it."""
    from cleanup.journal import Journal
    from cleanup.reports import tables

    write = tables.write_csv if table is Table.CSV else tables.write_json
    with Journal.open(_state(state_dir).find(run), readonly=True) as journal:
        if file is None:
            write(journal, sys.stdout)
            return
        try:
            with file.open("w", encoding="utf-8", newline="") as target:
                file.chmod(0o600)
                write(journal, target)
        except OSError as error:
            raise UsageError(f"{file} cannot be written: {error.strerror}.") from error


@app.command()
def explain(
    target: Annotated[str, typer.Argument(metavar="RULES|RUN", help="A rules file, or a run.", show_default=False)],
    identity: Annotated[str, typer.Argument(metavar="ID", help="The instance's id.", show_default=False)],
    now: NowOption = None,
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show why an instance will or will not be ended: its values, every rule, every clause."""
    from cleanup import commands
    from cleanup.journal import Journal
    from cleanup.reports import explanation

    if Path(target).suffix in {".yaml", ".yml"}:
        rules, setting = _load(Path(target)), _setting(webhook_file, state_dir, verbose=verbose)
        told = _run_async(commands.explain_by_rules, setting, rules, identity, _moment(now))
    else:
        with Journal.open(_state(state_dir).find(target), readonly=True) as journal:
            recorded = commands.explain_entry(journal, identity)
            told = recorded or _run_async(
                commands.explain_by_run, _setting(webhook_file, state_dir, verbose=verbose), journal, identity
            )
    if output is Output.JSON:
        _print_json(explanation.as_json(told))
    else:
        explanation.show(told, _console())


@app.command()
def templates(
    output: AnyOutputOption = AnyOutput.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """List the templates with how many instances each has. Changes nothing."""
    from cleanup import commands
    from cleanup.reports import inventory as shown

    survey = _run_async(commands.inventory, _setting(webhook_file, state_dir, verbose=verbose))
    if output is AnyOutput.JSON:
        _print_json(shown.template_rows(survey))
    elif output is AnyOutput.CSV:
        shown.write_templates_csv(survey, sys.stdout)
    else:
        shown.show_templates(survey, _console())


@app.command()
def inventory(
    output: AnyOutputOption = AnyOutput.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Count what is there, before any rule: by template, document type, age, starter and state. Changes nothing."""
    from cleanup import commands
    from cleanup.reports import inventory as shown

    survey = _run_async(commands.inventory, _setting(webhook_file, state_dir, verbose=verbose))
    if output is AnyOutput.JSON:
        _print_json(shown.as_json(survey))
    elif output is AnyOutput.CSV:
        shown.write_csv(survey, sys.stdout)
    else:
        shown.show(survey, _console())


@app.command()
def verify(
    run: RunArgument = "last",
    output: OutputOption = Output.TEXT,
    webhook_file: WebhookOption = None,
    state_dir: StateOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Ask the portal whether everything that a run ended is gone. Changes nothing."""
    from cleanup import commands
    from cleanup.journal import Journal

    path = _state(state_dir).find(run)
    setting = _setting(webhook_file, state_dir, verbose=verbose)
    with Journal.open(path, readonly=True) as journal:
        found, code = _run_async(commands.verify, setting, journal)
    if output is Output.JSON:
        _print_json({"checkpoint": str(path), "asked": found.asked, "survived": list(found.survived), "exit": code})
    else:
        typer.echo(f"{found.asked:,} ended entries asked about, {len(found.survived):,} still there.")
        for identity in found.survived:
            typer.echo(identity)
    raise typer.Exit(code)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(context: typer.Context) -> None:
    """Start a simulated portal on this machine, to rehearse on. See: sandbox --help"""
    from cleanup.sandbox.__main__ import main as serve

    raise typer.Exit(serve(context.args))


@app.command()
def demo(
    instances: Annotated[int, typer.Option(help="How many instances the sandbox portal has.")] = 3000,
    seed: Annotated[int, typer.Option(help="Another seed is another portal.")] = 7,
) -> None:
    """The whole story on a sandbox portal: plan, apply, kill -9 in the middle, apply again, verify."""
    from cleanup.demo import tell

    raise typer.Exit(tell(instances=instances, seed=seed, console=_console()))


def main() -> NoReturn:
    """The entry point. Turns every CleanupError into one message and its exit code."""
    try:
        code = app(standalone_mode=False) or 0
    except BaseException as error:
        code = _explain(error)
    _flush()
    sys.exit(code)


def _explain(error: BaseException) -> int:
    from typer.exceptions import TyperException

    if isinstance(error, BaseExceptionGroup):
        return _explain(_first(error))
    if isinstance(error, CleanupError):
        typer.echo(f"b24-cleanup: {error}", err=True)
        return int(error.exit_code)
    if isinstance(error, TyperException):
        return _explain_usage(error)
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        typer.echo("b24-cleanup: interrupted.", err=True)
        return int(ExitCode.INTERRUPTED)
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # rich exits by itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    return _unexpected(error)


def _explain_usage(error: "TyperException") -> int:
    """A wrong option or argument, as the command line library words it; without any argument: the help."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        typer.echo(f"b24-cleanup: {error}", err=True)
    return int(ExitCode.USAGE)


def _unexpected(error: BaseException) -> int:
    """A defect of ours: its kind and place, without values, which could hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "cleanup" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    typer.echo(
        f"b24-cleanup: an unexpected error ({type(error).__name__} at {place}). The checkpoint is kept: "
        "apply goes on from it. Please report this line.",
        err=True,
    )
    return int(ExitCode.UNEXPECTED)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_async(command: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    from functools import partial

    import anyio

    return anyio.run(partial(command, *args, **kwargs))


def _load(rules: Path) -> "RulesFile":
    from cleanup.config import Faults, load_rules

    try:
        return load_rules(rules)
    except Faults as error:
        raise UsageError(f"the rules file is not usable.\n{error}") from error


def _state(option: Path | None) -> "StateDirectory":
    from cleanup.state_directory import StateDirectory

    return StateDirectory.named(option)


def _setting(webhook_file: Path | None, state_dir: Path | None, *, verbose: bool) -> "Setting":
    from cleanup import log
    from cleanup.commands import Setting
    from cleanup.portal import auth

    webhook = auth.find(webhook_file)
    log.configure(verbose=verbose, secrets=[webhook.secret])
    return Setting(state=_state(state_dir), webhook=webhook, console=_console(sys.stderr))


def _console(file: Any = None) -> "Console":
    from rich.console import Console

    target = file or sys.stdout
    terminal = target.isatty()
    return Console(file=target, highlight=False, soft_wrap=not terminal, width=None if terminal else _WIDTH)


def _status_of(state: "StateDirectory", path: Path) -> dict[str, Any]:
    from cleanup.journal import Journal
    from cleanup.reports.document import document, exit_of

    with Journal.open(path, readonly=True) as journal:
        dead = journal.state() == "applying" and not state.held(journal.head().portal)
        return document(journal, verb="status", exit_code=exit_of(journal), state="stopped" if dead else None)


def _finish(result: "Result", output: Output, *, behind: Callable[["Result"], None] | None = None) -> NoReturn:
    from cleanup.reports.text import show_run

    if output is Output.JSON:
        _print_json(result.document)
    else:
        show_run(result.document, _console())
        if behind is not None:
            behind(result)
    if result.message:
        typer.echo(f"b24-cleanup: {result.message}", err=True)
    raise typer.Exit(int(result.document["exit"]))


def _next_of_plan(setting: "Setting") -> Callable[["Result"], None]:
    from cleanup import commands
    from cleanup.journal import Journal
    from cleanup.reports.text import show_next

    def show(result: "Result") -> None:
        with Journal.open(Path(result.document["checkpoint"]), readonly=True) as journal:
            reasons = commands.refusals(journal, setting.webhook, commands.Window())
        show_next(result.document, _console(), reasons)

    return show


def _confirm(journal: "Journal", confirm: str | None, console: "Console") -> None:
    """Asks for the portal's host. Raises UsageError where nobody can be asked, SafetyStop for a wrong one."""
    from cleanup.reports.document import document
    from cleanup.reports.text import show_preamble

    portal = journal.head().portal
    if confirm is None:
        shown = document(journal, verb="apply", exit_code=0)
        show_preamble(shown, journal, console, seconds=None)
        if not shown["totals"]["pending"]:
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"apply ends instances for good; confirm it by: --confirm {portal}")
        confirm = typer.prompt(f"Type {portal} to go on", err=True, default="", show_default=False)
    if confirm.strip() != portal:
        raise SafetyStop(f"{confirm.strip()!r} is not {portal}. Nothing was ended.")


def _window(until: str | None, max_duration: str | None, max_kill: int | None, *, dry_run: bool) -> "Window":
    from cleanup.commands import Window

    limits = [_seconds_until(until)] if until else []
    limits += [_duration(max_duration)] if max_duration else []
    return Window(seconds=min(limits, default=None), max_kill=max_kill, dry_run=dry_run)


def _seconds_until(text: str) -> float:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text):
        raise UsageError(f"--until takes a local time such as 06:30, not {text!r}.")
    hour, minute = map(int, text.split(":"))
    now = datetime.now().astimezone()
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then - now if then > now else then + timedelta(days=1) - now).total_seconds()


def _duration(text: str) -> float:
    from cleanup.config import duration

    try:
        return duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"--max-duration: {error}") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now takes an ISO time such as 2026-11-23T04:00:00+03:00, not {text!r}.") from None
    return moment if moment.tzinfo else moment.astimezone()


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
