"""What is logged where: values only, so that the options can be shown without loading what logs."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """stderr gets errors, with `verbose` all lines; the file gets all lines."""

    verbose: bool = False
    shape: LogFormat = LogFormat.CONSOLE
    #: None: no file.
    file: Path | None = None
