"""What the command line names as the way into a portal. Options carry it, so it needs nothing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line names."""

    webhook_file: Path | None = None
    #: As `sources.parse` reads it.
    webhook_from: str | None = None
    oauth_file: Path | None = None
