"""The values that travel between the rooms: an instance, a verdict on it, its entry in a plan and what became of it.

No await, no clock, no file, no socket here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What a rule asks for. *kill* and *terminate* are the portal's two ways to end an instance."""

    KEEP = "keep"
    TERMINATE = "terminate"
    KILL = "kill"


class Standing(StrEnum):
    """Whether a user still works in the company, as far as the portal tells: of bots and guests it does not."""

    ACTIVE = "active"
    DISMISSED = "dismissed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of an instance beyond its row, for rules that ask. None: not asked, or it cannot be told."""

    #: Of the user who started it.
    starter: Standing | None = None
    #: Of the users for whose answers its running tasks wait; empty: there is no such task.
    assignees: frozenset[Standing] | None = None
    document_exists: bool | None = None
    #: IDs of newer instances of the same document and template, the newest first, as many as a rule asks to keep.
    newer: tuple[str, ...] | None = None


NOTHING_ASKED = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One running workflow instance as the portal listed it, all times aware.

    None means that the portal said there is none: null, an empty text, or the 0 that stands for "unknown" in
    TEMPLATE_ID and STARTED_BY (PORTAL.md 6). A field whose value is missing from the answer or cannot be read
    is None too and is named in `unreadable`.
    """

    id: str
    template_id: int | None = None
    module: str | None = None
    entity: str | None = None
    document_id: str | None = None
    started: datetime | None = None
    started_by: int | None = None
    modified: datetime | None = None
    #: None: nobody holds the instance (the portal's null), unless "owned_until" is in `unreadable`.
    owned_until: datetime | None = None
    #: Names of the attributes above whose value was missing from the answer or made no sense.
    unreadable: frozenset[str] = frozenset()
    facts: Facts = NOTHING_ASKED


class Decision(StrEnum):
    """What was decided about a listed instance; a plan counts each instance under exactly one."""

    PROTECTED = "protected"
    KEPT = "kept"
    NO_MATCH = "no_match"
    UNDECIDED = "undecided"
    LOCKED = "locked"
    SELECTED = "selected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one instance: one decision, and the one rule that it came from."""

    decision: Decision
    #: The rule (or protect entry) that decided. None: no rule matched.
    rule: str | None = None
    #: kill or terminate when selected or locked, keep when kept, else None.
    action: Action | None = None
    #: The field whose value was missing, when that is why the instance is undecided or protected.
    field: str | None = None
    #: For a person: the `reason` or `why` of the rule, as written there.
    reason: str = ""


class State(StrEnum):
    """The life of an entry of a plan. STEPS is its table; the journal enforces it."""

    PLANNED = "planned"
    SENT = "sent"
    KILLED = "killed"
    TERMINATED = "terminated"
    GONE = "gone"
    CHANGED = "changed"
    FAILED = "failed"


#: From a state, the states that may follow. PLANNED to an ended state without SENT: an earlier send's answer was
#: lost, the portal showed the instance still alive, and then it vanished: our own earlier request reached it.
STEPS: Mapping[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.SENT, State.GONE, State.CHANGED, State.KILLED, State.TERMINATED}),
    State.SENT: frozenset({State.PLANNED, State.KILLED, State.TERMINATED, State.GONE, State.FAILED}),
    State.KILLED: frozenset(),
    State.TERMINATED: frozenset(),
    State.GONE: frozenset(),
    State.CHANGED: frozenset(),
    State.FAILED: frozenset(),
}

#: The state that a successful action leads to.
ENDED_BY: Mapping[Action, State] = {Action.KILL: State.KILLED, Action.TERMINATE: State.TERMINATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One selected instance in a plan, with what was done about it so far."""

    instance: Instance
    rule: str
    action: Action
    reason: str
    state: State = State.PLANNED
    #: Sends that this entry itself can be blamed for; three make it FAILED.
    sends: int = 0
    #: It was the first one still alive after a request that broke: send it by itself.
    alone: bool = False
    #: A request of ours may have ended it without our knowing: that it vanished is our doing.
    doubt: bool = False
    error: str = ""

    @property
    def id(self) -> str:
        return self.instance.id
