"""`run --portals`: which portals of the file, and how all of them ended."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from cleanup.cli.app import SECRETS, tell
from cleanup.cli.options import ManyOptions, Output, PortalOptions, TellOptions, WindowOptions
from cleanup.cli.shared import open_console, print_json, run_async, state_directory
from cleanup.cli.window import window_of
from cleanup.errors import UsageError

if TYPE_CHECKING:
    from cleanup.config import PortalEntry, PortalsFile


def one_or_many(rules: Path | None, checkpoint: Path | None, many: ManyOptions, portal: PortalOptions) -> Path | None:
    """The rules of the one portal; None: there are many. Raises UsageError for options that do not go together."""
    if many.portals_file is None:
        if many != ManyOptions():
            raise UsageError("--portal, --tag and --at-once choose from a portals file: name it by --portals FILE.")
        if rules is None:
            raise UsageError("Name a rules file, or many portals by --portals FILE.")
        return rules
    given = {
        "RULES": rules,
        "--checkpoint": checkpoint,
        "--webhook-file": portal.webhook_file,
        "--webhook-from": portal.webhook_from,
        "--oauth-file": portal.oauth_file,
    }
    if mixed := [name for name, value in given.items() if value is not None]:
        raise UsageError(f"{', '.join(mixed)} cannot go with --portals: the file says that for each portal.")
    return None


def run_many(
    many: ManyOptions,
    within: WindowOptions,
    told: TellOptions,
    portal: PortalOptions,
    output: Output,
    *,
    now: datetime | None,
    include_locked: bool,
) -> NoReturn:
    from cleanup import commands
    from cleanup.cli.aftermath import Aftermath, followed_by_many
    from cleanup.reports import portals

    def work() -> list[portals.PortalEnd]:
        fleet = commands.Fleet(
            state=state_directory(portal.state_dir),
            redactor=SECRETS,
            console=open_console(sys.stderr),
            window=window_of(within),
            now=now,
            include_locked=include_locked,
            at_once=many.at_once,
        )
        return run_async(commands.run_portals, fleet, _chosen(_load(file), many))

    file = many.portals_file or Path()
    aftermath = Aftermath(verb="run", rules=file.stem, tell=told, silent=within.dry_run)
    ends = followed_by_many(aftermath, portal.logging, work)
    document = portals.document_of(ends)
    if output is Output.JSON:
        print_json(document)
    else:
        portals.show(ends, open_console())
    for message in portals.messages(ends):
        tell(message)
    raise typer.Exit(document["exit"])


def _load(file: Path) -> "PortalsFile":
    from cleanup.config import Faults, load_portals

    try:
        return load_portals(file)
    except Faults as error:
        raise UsageError(f"the portals file is not usable; nothing was done.\n{error}") from error


def _chosen(file: "PortalsFile", many: ManyOptions) -> list["PortalEntry"]:
    """Those that --portal names and that have every --tag. Raises UsageError where there are none."""
    from cleanup.config.faults import meant

    names = [entry.name for entry in file.portals]
    for name in many.named or ():
        if name not in names:
            raise UsageError(f"{file.path} has no portal “{name}”.{meant(name, names)}")
    tags = dict(map(_tag, many.tagged or ()))
    found = [
        entry
        for entry in file.portals
        if (not many.named or entry.name in many.named) and tags.items() <= entry.tags.items()
    ]
    if not found:
        raise UsageError(f"No portal of {file.path} fits all of --portal and --tag.")
    return found


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UsageError(f"--tag takes KEY=VALUE, not {text!r}.")
    return key, value
