"""The arguments and options that verbs share; those that travel together are values (cli.grouped)."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cleanup.log_settings import LogFormat, Logging
from cleanup.portal.given import Given


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
    JSONL = "jsonl"
    HTML = "html"


class Record(StrEnum):
    SELECTED = "selected"
    ALL = "all"


class Language(StrEnum):
    EN = "en"
    RU = "ru"


RulesArgument = Annotated[Path, typer.Argument(metavar="RULES", help="The rules file (YAML).", show_default=False)]


OptionalRules = Annotated[
    Path | None, typer.Argument(metavar="RULES", help="The rules file (YAML).", show_default=False)
]


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


WebhookFromOption = Annotated[
    str | None,
    typer.Option(
        "--webhook-from",
        metavar="SOURCE",
        help="Where the address is: env:NAME, file:PATH, credential:NAME, keyring:NAME [env: B24_WEBHOOK_FROM].",
        show_default=False,
    ),
]


OAuthOption = Annotated[
    Path | None,
    typer.Option(
        "--oauth-file",
        metavar="FILE",
        help="The credentials file of an application, as login writes it [env: B24_OAUTH_FILE].",
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


RecordOption = Annotated[
    Record,
    typer.Option("--record", help="all: also every other instance, for a copy of the portal (sandbox --from)."),
]


RehearsalOption = Annotated[
    bool,
    typer.Option("--rehearsal", help="Only on a sandbox of this machine, whatever portal the rules file is for."),
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


LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="How a log line looks.")]


LogFileOption = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Log one line a batch to this file, too.", show_default=False),
]


MetricsOption = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file", metavar="FILE", help="Write metrics for node_exporter to this *.prom.", show_default=False
    ),
]


NotifyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--notify-file",
        metavar="FILE",
        help="A file with Apprise addresses to tell of the end [env: the addresses in B24_NOTIFY_URLS].",
        show_default=False,
    ),
]


NotifyOnOption = Annotated[
    str, typer.Option("--notify-on", metavar="WHAT", help="What is told: failure, safety-stop, success.")
]


PortalsOption = Annotated[
    Path | None,
    typer.Option(
        "--portals", metavar="FILE", help="In place of RULES: run on each portal of this file.", show_default=False
    ),
]


NamedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--portal", metavar="NAME", help="With --portals: only this one; may be repeated.", show_default=False
    ),
]


TaggedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY=VALUE",
        help="With --portals: only those with this tag; all that are given must fit.",
        show_default=False,
    ),
]


AtOnceOption = Annotated[
    int, typer.Option("--at-once", metavar="N", min=1, help="With --portals: so many portals at the same time.")
]


#: Most of a night is waiting, so the processor does not limit it: open files and memory do (notes/portals.md).
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyOptions:
    """Many portals instead of one."""

    portals_file: PortalsOption = None
    named: NamedOption = None
    tagged: TaggedOption = None
    at_once: AtOnceOption = _AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalOptions:
    """Which portal, where its runs lie, and what is logged: for every verb that asks a portal."""

    webhook_file: WebhookOption = None
    webhook_from: WebhookFromOption = None
    oauth_file: OAuthOption = None
    state_dir: StateOption = None
    verbose: VerboseOption = False
    log_format: LogFormatOption = LogFormat.CONSOLE
    log_file: LogFileOption = None

    @property
    def given(self) -> Given:
        return Given(webhook_file=self.webhook_file, webhook_from=self.webhook_from, oauth_file=self.oauth_file)

    @property
    def logging(self) -> Logging:
        return Logging(verbose=self.verbose, shape=self.log_format, file=self.log_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellOptions:
    """Who is told how it ended."""

    metrics_file: MetricsOption = None
    notify_file: NotifyFileOption = None
    notify_on: NotifyOnOption = "failure,safety-stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """How long an apply may take, and how much it may end."""

    dry_run: DryRunOption = False
    until: UntilOption = None
    max_duration: DurationOption = None
    max_kill: MaxKillOption = None
