"""The door: the program with its verbs, and how each way to end becomes one message and an exit code."""

import os
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cleanup.errors import CleanupError, ExitCode, cause_of, defect
from cleanup.redaction import Redactor

if TYPE_CHECKING:
    from typer.exceptions import TyperException


#: Of this process; each is added where it is read. What the door prints or logs goes through it.
SECRETS = Redactor()
app = typer.Typer(
    name="b24-cleanup",
    help="Ends stuck Bitrix24 workflow instances by rules: shows first what it will do, ends exactly that, resumes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


def _leave_no_core() -> None:
    """A core file would hold the secret."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> NoReturn:
    """The entry point. Turns every CleanupError into one message and its exit code."""
    _leave_no_core()
    try:
        code = app(standalone_mode=False) or 0
    except BaseException as error:
        code = _explain(error)
    _flush()
    sys.exit(code)


def tell(message: str) -> None:
    typer.echo(SECRETS(f"b24-cleanup: {message}"), err=True)


def exit_code_of(error: BaseException) -> int:
    """What a verb that raised this ends with."""
    if isinstance(error, CleanupError):
        return int(error.exit_code)
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.UNEXPECTED)


def _explain(raised: BaseException) -> int:
    from typer.exceptions import TyperException

    error = cause_of(raised)
    if isinstance(error, CleanupError):
        tell(str(error))
        return exit_code_of(error)
    if isinstance(error, TyperException):
        return _explain_usage(error)
    if isinstance(error, typer.Exit):
        return exit_code_of(error)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        tell("interrupted.")
        return exit_code_of(error)
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # rich exits by itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    tell(defect(error))
    return int(ExitCode.UNEXPECTED)


def _explain_usage(error: "TyperException") -> int:
    """A wrong option or argument, as the command line library words it; without any argument: the help."""
    show = getattr(error, "show", None)
    if show is not None:
        show()
    else:
        tell(str(error))
    return int(ExitCode.USAGE)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
