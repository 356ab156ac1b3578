"""What goes into a journal and comes out of it, beside entries and instances (model.py)."""

from dataclasses import dataclass
from datetime import datetime

from cleanup.errors import CleanupError
from cleanup.model import Decision, Entry, State


class IllegalStepError(CleanupError):
    """A defect of ours: an entry was asked to make a step that its table does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What a run is about; written once. Times are ISO 8601."""

    run: str
    portal: str
    rules_file: str
    rules_digest: str
    #: The rules file's own text: a resumed run judges by exactly what was planned.
    rules_source: str
    #: The plan's one "now", from the portal's clock.
    now: str
    created: str
    include_locked: str = ""
    #: "selected", or "all": every instance is recorded, for a copy of the portal.
    record: str = "selected"
    #: The portal's clock when the plan began, whatever its "now" is; "" in older journals.
    present: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next step of an entry. State SENT keeps it SENT, with the error noted."""

    id: str
    state: State
    error: str = ""
    #: The entry was not to blame for this send: it does not count.
    refund: bool = False
    #: Send it by itself the next time.
    alone: bool = False
    #: This send may have ended it without our knowing; once set this stays.
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A SENT entry with what is needed to settle it."""

    entry: Entry
    request: int
    sent_at: datetime
    #: When the portal has surely finished that request, as predicted when it was sent.
    quiet_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many instances got one decision by one rule. Rule and field are "" where there is none."""

    decision: Decision
    rule: str
    action: str
    field: str
    count: int


@dataclass(frozen=True, slots=True)
class EntryCount:
    """How many entries of a rule are in a state."""

    rule: str
    action: str
    state: State
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request that ended entries, or was to."""

    #: Its number, from `claim`.
    request: int
    began: datetime
    answered: datetime
    entries: int
    #: 0 where it was refused or its answer was lost.
    ended: int
    #: How many one request might have carried at that time.
    size: int
    #: From sending to the answer, by a clock that nobody sets.
    seconds: float
    #: How many requests might be in flight at that time. 0: not recorded.
    in_flight: int = 0
    #: Seconds per kill in multiples of the unloaded ones. None: not known.
    slowdown: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A time during which at least one request waited for leave. The reason is `rate` or `operating`."""

    reason: str
    began: datetime
    ended: datetime


@dataclass(slots=True, kw_only=True)
class Usage:
    """Requests and seconds of a session, or summed over all of a run."""

    sent: int = 0
    retried: int = 0
    query_limit: int = 0
    operation_limit: int = 0
    wall: float = 0.0
    waiting_rate: float = 0.0
    waiting_operating: float = 0.0
