"""What the verbs share between options and commands: settings, consoles, the event loop, one way to end."""

import json
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import typer

from cleanup.cli.app import SECRETS, tell
from cleanup.cli.options import Output, PortalOptions
from cleanup.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from cleanup.commands import Result, Setting
    from cleanup.config import RulesFile
    from cleanup.portal.access import Found
    from cleanup.state_directory import StateDirectory


#: Columns of a table that goes into a file or a pipe.
_WIDTH = 140


P = ParamSpec("P")


T = TypeVar("T")


def run_async(command: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    from functools import partial

    import anyio

    return anyio.run(partial(command, *args, **kwargs))


def load(rules: Path) -> "RulesFile":
    from cleanup.config import Faults, load_rules

    try:
        return load_rules(rules)
    except Faults as error:
        raise UsageError(f"the rules file is not usable.\n{error}") from error


def state_directory(option: Path | None) -> "StateDirectory":
    from cleanup.state_directory import StateDirectory

    return StateDirectory.named(option)


def setting_of(options: PortalOptions) -> "Setting":
    """Opens the logs, too."""
    from cleanup import log
    from cleanup.commands import Setting

    log.configure(options.logging, SECRETS)
    found = way_in(options)
    if found.passed_over:
        tell(f"the {found.entrance} is used, not what {' or '.join(found.passed_over)} names.")
    return Setting(
        state=state_directory(options.state_dir),
        authorization=found.authorization,
        source=str(found.entrance.source),
        console=open_console(sys.stderr),
    )


def way_in(options: PortalOptions) -> "Found":
    """Raises UsageError."""
    from cleanup.portal import access

    return access.find(options.given, SECRETS)


def open_console(file: Any = None) -> "Console":
    from rich.console import Console

    target = file or sys.stdout
    terminal = target.isatty()
    return Console(file=target, highlight=False, soft_wrap=not terminal, width=None if terminal else _WIDTH)


def moment_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now takes an ISO time such as 2026-11-23T04:00:00+03:00, not {text!r}.") from None
    if not 1971 <= moment.year <= 9000:
        raise UsageError(f"--now takes a time of this age of the world, not {text!r}.")
    return moment if moment.tzinfo else moment.astimezone()


def finish(result: "Result", output: Output, *, behind: Callable[["Result"], None] | None = None) -> NoReturn:
    from cleanup.reports.text import show_run

    if output is Output.JSON:
        print_json(result.document)
    else:
        show_run(result.document, open_console())
        if behind is not None:
            behind(result)
    if result.message:
        tell(result.message)
    raise typer.Exit(int(result.document["exit"]))


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
