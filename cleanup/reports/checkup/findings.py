"""The values: what was found of a portal, and one line of what it means."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cleanup.errors import ExitCode
from cleanup.portal.authorization import WayIn
from cleanup.portal.errors import PortalError
from cleanup.portal.reaching import Way
from cleanup.portal.told import Answers


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How we come in, and where that was found; without any secret."""

    kind: str
    source: str
    way: WayIn = WayIn.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """How far one got with a portal. None: not so far; `failure` is what stood in the way."""

    portal: str
    access: Access
    #: Our clock at its end.
    at: datetime
    way: Way | None = None
    answers: Answers | None = None
    failure: PortalError | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    name: str
    text: str
    #: What to do about it; "" where there is nothing to do.
    advice: str = ""
    #: Of a fault: what the verb ends with.
    exit_code: ExitCode = ExitCode.ACCESS
