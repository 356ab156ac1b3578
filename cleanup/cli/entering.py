"""`login`: takes an administrator through the login of a local application, and keeps what it gives."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleanup.cli.app import SECRETS, app, tell
from cleanup.cli.options import OAuthOption, Output, StateOption
from cleanup.cli.reading import tell_of_access
from cleanup.cli.shared import open_console, run_async, state_directory
from cleanup.errors import UsageError

if TYPE_CHECKING:
    from cleanup.portal.code_flow import Login

#: The variable that may hold it.
_VARIABLE = "B24_CLIENT_SECRET"


@app.command()
def login(
    portal: Annotated[
        str | None, typer.Argument(metavar="PORTAL", help="Its host, as acme.bitrix24.ru.", show_default=False)
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", metavar="ID", help="Of the local application's card.", show_default=False),
    ] = None,
    client_secret_from: Annotated[
        str | None,
        typer.Option(
            "--client-secret-from",
            metavar="SOURCE",
            help=f"env:NAME, file:PATH, credential:NAME, keyring:NAME [env: secret in {_VARIABLE}; else asked for].",
            show_default=False,
        ),
    ] = None,
    oauth_file: OAuthOption = None,
    listen: Annotated[
        int | None,
        typer.Option(
            "--listen",
            metavar="PORT",
            min=1,
            max=65535,
            help="Catch the code on http://127.0.0.1:PORT/, which the card names as the handler.",
            show_default=False,
        ),
    ] = None,
    token_endpoint: Annotated[
        str | None,
        typer.Option(
            "--token-endpoint", metavar="URL", help="Else it follows from the portal's domain.", show_default=False
        ),
    ] = None,
    state_dir: StateOption = None,
) -> None:
    """Log in as a local application (OAuth 2.0) and write its credentials file. Asks for what is not given."""
    from cleanup import commands, log
    from cleanup.log_settings import Logging

    log.configure(Logging(), SECRETS)
    asked = _login(portal, client_id, client_secret_from, token_endpoint)
    file = _file(oauth_file)
    commands.require_room(file, asked)
    tell(f"open this address in a browser, as an administrator of {asked.portal}:\n{asked.address}")
    if listen is None:
        code = _pasted(asked)
    else:
        tell(f"waiting on http://127.0.0.1:{listen}/ for the browser to come back …")
        code = run_async(commands.wait_for_code, listen, asked)
    application = run_async(commands.enter, asked, code, file, SECRETS)
    tell(f"logged in; {file} holds the access. Use it by --oauth-file {file}, or: export B24_OAUTH_FILE={file}")
    setting = commands.Setting(
        state=state_directory(state_dir),
        authorization=application,
        source=f"the file {file}",
        console=open_console(sys.stderr),
    )
    tell_of_access(setting, Output.TEXT)


def _login(portal: str | None, client_id: str | None, source: str | None, token_endpoint: str | None) -> "Login":
    from cleanup.portal.code_flow import Login, portal_in

    scheme, identity = portal_in(portal or _asked_for("The portal's host", "PORTAL"))
    chosen = client_id or _asked_for("client_id", "--client-id")
    return Login(
        scheme=scheme,
        portal=identity,
        client_id=chosen,
        client_secret=_secret(source),
        token_endpoint=token_endpoint or "",
    )


def _secret(source: str | None) -> str:
    from cleanup import sources
    from cleanup.sources import Kind, Source

    if source is not None:
        return sources.read(sources.parse(source), "client secret")
    if os.environ.get(_VARIABLE):
        return sources.read(Source(Kind.ENV, _VARIABLE), "client secret")
    return _asked_for("client_secret", f"--client-secret-from SOURCE, or the variable {_VARIABLE}", hidden=True)


def _file(option: Path | None) -> Path:
    named = option or os.environ.get("B24_OAUTH_FILE")
    if not named:
        raise UsageError("Where is the access to be kept? Name a file by --oauth-file or B24_OAUTH_FILE.")
    return Path(named).expanduser().absolute()


def _asked_for(what: str, option: str, *, hidden: bool = False) -> str:
    """Raises UsageError where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{what} is missing: give {option}.")
    told: str = typer.prompt(what, err=True, hide_input=hidden)
    return told.strip()


def _pasted(asked: "Login") -> str:
    from cleanup.portal.code_flow import code_in

    typer.echo(
        "It ends on the application's own address, or on a page with a code. Within 30 seconds, paste the address "
        "that the browser shows then, or the code: ",
        err=True,
        nl=False,
    )
    return code_in(sys.stdin.readline(), asked.state)
