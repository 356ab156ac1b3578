"""Tests on what a row does not tell: the portal must be asked about users, tasks, documents, siblings.

The answers come with the instance, as its facts; nothing is asked here. What was not asked is unknown.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cleanup.model import Instance, Standing
from cleanup.rules.match import Leaf, Match, Not, Truth, inner


class Asked(StrEnum):
    """What a judgement may need to know beyond the rows."""

    USERS = "users"
    TASKS = "tasks"
    DOCUMENTS = "documents"
    SIBLINGS = "siblings"


@dataclass(frozen=True, slots=True)
class StarterDismissed(Leaf):
    expected: bool = True

    def test(self, instance: Instance, now: datetime) -> Truth:
        standing = instance.facts.starter
        if instance.started_by is None or standing in {None, Standing.UNKNOWN}:
            return None
        return (standing is Standing.DISMISSED) is self.expected

    def field_name(self) -> str:
        return "started_by.dismissed"

    def __str__(self) -> str:
        return f"started_by: {{dismissed: {str(self.expected).lower()}}}"


@dataclass(frozen=True, slots=True)
class AssigneeDismissed(Leaf):
    """A running task waits for the answer of a dismissed user; with `every`, of dismissed users only.

    No running task is no dismissed assignee, in both forms: nothing is true of all of nobody here.
    """

    every: bool = False
    expected: bool = True

    def test(self, instance: Instance, now: datetime) -> Truth:
        standings = instance.facts.assignees
        if standings is None:
            return None
        truth = _every(standings) if self.every else _any(standings)
        return None if truth is None else truth is self.expected

    def field_name(self) -> str:
        return "assigned_to"

    def __str__(self) -> str:
        return f"assigned_to: {{{'all_' if self.every else ''}dismissed: {str(self.expected).lower()}}}"


def _any(standings: frozenset[Standing]) -> Truth:
    if Standing.DISMISSED in standings:
        return True
    return None if Standing.UNKNOWN in standings else False


def _every(standings: frozenset[Standing]) -> Truth:
    if not standings or Standing.ACTIVE in standings:
        return False
    return None if Standing.UNKNOWN in standings else True


@dataclass(frozen=True, slots=True)
class DocumentExists(Leaf):
    expected: bool

    def test(self, instance: Instance, now: datetime) -> Truth:
        exists = instance.facts.document_exists
        return None if exists is None else exists is self.expected

    def field_name(self) -> str:
        return "document_exists"

    def __str__(self) -> str:
        return f"document_exists: {str(self.expected).lower()}"


@dataclass(frozen=True, slots=True)
class NewestOf(Leaf):
    """True of an instance that `keep` newer ones of the same document and template stand above: an older duplicate."""

    keep: int

    def test(self, instance: Instance, now: datetime) -> Truth:
        newer = instance.facts.newer
        return None if newer is None else len(newer) >= self.keep

    def field_name(self) -> str:
        return "newest_of"

    def __str__(self) -> str:
        return f"newest_of: {{by: document, keep: {self.keep}}}"


def asked(match: Match) -> frozenset[Asked]:
    """What must be asked so that this match can be known."""
    match match:
        case StarterDismissed():
            return frozenset({Asked.USERS})
        case AssigneeDismissed():
            return frozenset({Asked.USERS, Asked.TASKS})
        case DocumentExists():
            return frozenset({Asked.DOCUMENTS})
        case NewestOf():
            return frozenset({Asked.SIBLINGS})
    return frozenset[Asked]().union(*map(asked, inner(match)))


def most_kept(match: Match) -> int:
    """How many newer instances of its document a match may have to know of; 0: none."""
    below = max(map(most_kept, inner(match)), default=0)
    return max(match.keep, below) if isinstance(match, NewestOf) else below


def is_turned_round(match: Match, *, turned: bool) -> bool:
    """Whether a test for older duplicates stands below a `not`, or anywhere if `turned`: there it means the newest."""
    if isinstance(match, NewestOf):
        return turned
    return any(is_turned_round(item, turned=turned or isinstance(match, Not)) for item in inner(match))


def any_dismissed(match: Match) -> bool:
    """Whether it asks for one dismissed assignee among others, anywhere but in `not`."""
    if isinstance(match, AssigneeDismissed):
        return match.expected and not match.every
    return not isinstance(match, Not) and any(map(any_dismissed, inner(match)))
