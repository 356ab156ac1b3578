"""The arguments and options that verbs share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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


class Language(StrEnum):
    EN = "en"
    RU = "ru"


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
