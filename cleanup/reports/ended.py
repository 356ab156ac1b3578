"""How a verb ended, as metrics and notifications tell it. Decides only: no file and no socket here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cleanup.errors import ExitCode
from cleanup.reports.document import Document


class Kind(StrEnum):
    """What an administrator may want to be told of."""

    SUCCESS = "success"
    SAFETY_STOP = "safety-stop"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Meaning:
    """An exit code in the morning: what it says, and what to do."""

    says: str
    do: str


MEANINGS: Mapping[int, Meaning] = {
    ExitCode.DONE: Meaning("all that was selected was dealt with", ""),
    ExitCode.UNEXPECTED: Meaning("an unexpected error, a defect of ours", "look at the log, then: b24-cleanup runs"),
    ExitCode.USAGE: Meaning(
        "usage, rules or configuration are not usable; nothing was done", "b24-cleanup validate RULES"
    ),
    ExitCode.SOME_FAILED: Meaning("finished, but some failed or survived", "b24-cleanup report RUN"),
    ExitCode.SAFETY_STOP: Meaning("a guard stopped it: nothing (more) was ended", "b24-cleanup status RUN"),
    ExitCode.ACCESS: Meaning("the portal refused the webhook, its rights or its scope", "b24-cleanup check"),
    ExitCode.STOPPED_EARLY: Meaning(
        "stopped early; the next night goes on", "to go on now: b24-cleanup apply RUN --confirm PORTAL"
    ),
    ExitCode.BUSY: Meaning("another run holds this portal; nothing was done", "b24-cleanup runs"),
    ExitCode.PLAN_NOT_EMPTY: Meaning("the plan is not empty", "b24-cleanup report RUN"),
    ExitCode.INTERRUPTED: Meaning(
        "interrupted; what was done is recorded", "to go on: b24-cleanup apply RUN --confirm PORTAL"
    ),
    ExitCode.TERMINATED: Meaning(
        "terminated; what was done is recorded", "to go on: b24-cleanup apply RUN --confirm PORTAL"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One verb that has ended, in whatever way."""

    verb: str
    #: "": not known, since there was no webhook.
    portal: str
    #: The rules file's name without its ending.
    rules: str
    exit_code: int
    #: Why it ended early; "" when it did not.
    message: str
    at: datetime
    #: By the clock on the wall.
    seconds: float
    #: None: it ended before there was a run.
    document: Document | None = None
    #: Of the run that was finished first, where there was one.
    earlier: Document | None = None
    #: It stopped because its time window was over, as it was told to.
    window_over: bool = False

    @property
    def kind(self) -> Kind:
        """A night whose window is over did what it was told: that is no failure."""
        if self.exit_code in {ExitCode.DONE, ExitCode.PLAN_NOT_EMPTY} or self.window_over:
            return Kind.SUCCESS
        return Kind.SAFETY_STOP if self.exit_code == ExitCode.SAFETY_STOP else Kind.FAILURE

    @property
    def documents(self) -> list[Document]:
        return [document for document in (self.earlier, self.document) if document is not None]


def stem_of(rules: str | Path) -> str:
    return Path(rules).stem


def meaning_of(exit_code: int) -> Meaning:
    return MEANINGS.get(exit_code, Meaning(f"ended by signal {exit_code - 128}", "b24-cleanup runs"))
