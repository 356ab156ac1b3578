"""The verbs around a rules file (`init`, `validate`, `test`, `schema`), and the sandbox. `init` may ask a portal."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleanup.cli.app import app
from cleanup.cli.grouped import grouped
from cleanup.cli.options import Output, OutputOption, PortalOptions, RulesArgument, StateOption
from cleanup.cli.shared import load, open_console, print_json, run_async, setting_of, state_directory
from cleanup.errors import ExitCode, UsageError
from cleanup.words import counted

if TYPE_CHECKING:
    from cleanup.inventory import Survey


@app.command()
@grouped
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("rules.yaml"),
    offline: Annotated[bool, typer.Option("--offline", help="Ask no portal, though a webhook is there.")] = False,
    *,
    portal: PortalOptions,
) -> None:
    """Write a rules file to begin with; with a webhook, one that names what is on its portal. Changes nothing there."""
    from datetime import UTC, datetime

    from cleanup.portal import access
    from cleanup.reports.starter import rules_text

    _refuse_to_overwrite(file)
    survey = _survey(portal) if access.is_given(portal.given) and not offline else None
    _write(file, rules_text(str(file), survey, datetime.now(UTC)))
    about = (
        f"for {survey.portal}" if survey else "from the example; with a webhook it would name what is on your portal"
    )
    typer.echo(f"{file}: written {about}. Next:  b24-cleanup validate {file}")


def _survey(portal: PortalOptions) -> "Survey":
    from cleanup import commands

    return run_async(commands.inventory, setting_of(portal))


def _refuse_to_overwrite(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is there already; it is not overwritten. Name another file, or move it away.")


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        _refuse_to_overwrite(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error


@app.command()
def validate(rules: RulesArgument) -> None:
    """Check a rules file offline: every fault with its place."""
    loaded = load(rules)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    protect, found = len(loaded.book.protect), len(loaded.book.rules)
    typer.echo(
        f"{rules}: no fault. It has {counted(protect, 'protect entry', 'protect entries')}, {counted(found, 'rule')}."
    )


@app.command("test")
def judge_examples(rules: RulesArgument, output: OutputOption = Output.TEXT) -> None:
    """Judge the examples in a rules file (its section “tests”) offline, and say what came otherwise."""
    from cleanup.reports import examples as shown
    from cleanup.rules.examples import judge

    loaded = load(rules)
    judged = [judge(loaded.book, example) for example in loaded.examples]
    if output is Output.JSON:
        print_json(shown.as_json(judged))
    else:
        shown.show(judged, open_console())
    raise typer.Exit(int(ExitCode.DONE if all(each.passed for each in judged) else ExitCode.USAGE))


@app.command()
def schema() -> None:
    """Print the JSON Schema of rules files, by which editors complete keys and explain them."""
    from cleanup.config.schema import rules_schema

    print_json(rules_schema())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="RUN", help="Fill it with what a plan of --record all recorded.", show_default=False
        ),
    ] = None,
    state_dir: StateOption = None,
) -> None:
    """Start a simulated portal on this machine, to rehearse on. See: sandbox --help"""
    from cleanup.sandbox.__main__ import main as serve

    if run is None:
        raise typer.Exit(serve(context.args))
    with _copied(state_directory(state_dir).find(run)) as file:
        raise typer.Exit(serve([*context.args, "--from", file]))


@contextmanager
def _copied(checkpoint: Path) -> Iterator[str]:
    """The copy of a portal that a plan recorded, as a file that has no name: nothing of it stays behind."""
    from cleanup.journal import Journal
    from cleanup.reports.copy import write_copy

    with tempfile.TemporaryFile("w", encoding="utf-8") as file:
        with Journal.open(checkpoint, readonly=True) as journal:
            write_copy(journal, file)
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


@app.command()
def demo(
    instances: Annotated[int, typer.Option(help="How many instances the sandbox portal has.")] = 3000,
    seed: Annotated[int, typer.Option(help="Another seed is another portal.")] = 7,
) -> None:
    """The whole story on a sandbox portal: plan, apply, kill -9 in the middle, apply again, verify."""
    from cleanup.demo import tell

    raise typer.Exit(tell(instances=instances, seed=seed, console=open_console()))
