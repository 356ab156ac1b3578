"""The verbs that ask no portal: `validate`, and the sandbox's own."""

from typing import Annotated

import typer

from cleanup.cli.app import app
from cleanup.cli.options import RulesArgument
from cleanup.cli.shared import load, open_console


@app.command()
def validate(rules: RulesArgument) -> None:
    """Check a rules file offline: every fault with its place."""
    loaded = load(rules)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{rules}: {len(loaded.book.protect)} protect and {len(loaded.book.rules)} rules, no fault.")


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

    raise typer.Exit(tell(instances=instances, seed=seed, console=open_console()))
