"""What every verb that talks to a portal needs: the setting, a connection with the rights, the usage so far."""

import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from rich.console import Console

from cleanup.config import RulesFile
from cleanup.config.settings import Pace
from cleanup.errors import AccessError, SafetyStop
from cleanup.journal import Journal, Usage, Wait
from cleanup.portal import learned
from cleanup.portal.authorization import Authorization
from cleanup.portal.client import Probe
from cleanup.portal.connect import Connection, connect
from cleanup.reports.document import Document
from cleanup.rules import Asked
from cleanup.state_directory import StateDirectory
from cleanup.stop import Stop

#: Seconds; what is shorter is no wait that a person would see.
_SHORTEST_WAIT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every command needs: where state lies, which portal, where progress goes."""

    state: StateDirectory
    authorization: Authorization
    #: The place that the secret came from, for a person.
    source: str = ""
    console: Console

    def tell(self, message: str) -> None:
        """Says something to the person who waits."""
        self.console.print(message, highlight=False, markup=False)


@dataclass(slots=True, kw_only=True)
class Result:
    document: Document
    exit_code: int
    #: Why it ended early, for a person; "" when it did not.
    message: str = ""
    #: It stopped because its time window was over, as it was told to.
    window_over: bool = False
    #: The document of the run that `run` finished first.
    earlier: Document | None = None


@asynccontextmanager
async def connected(setting: Setting, pace: Pace, stop: Stop | None = None) -> AsyncIterator[Connection]:
    """A portal on which we may list and end instances. Raises AccessError or another CleanupError.

    A stop that is asked for meanwhile breaks the first questions off and is raised.
    """
    portal = setting.authorization.portal
    memory, known = setting.state.memory(portal), learned.load(setting.state.learned(portal))
    async with connect(setting.authorization, pace, memory=memory, learned=known, clock=clock, stop=stop) as connection:
        require_rights(connection.probe, setting.authorization.portal)
        yield connection


@contextmanager
def told_of(journal: Journal) -> Iterator[None]:
    """Every line that is logged inside names the run and the portal."""
    head = journal.head()
    with structlog.contextvars.bound_contextvars(run=head.run, portal=head.portal):
        yield


def require_rights(probe: Probe, portal: str) -> None:
    """Raises when the probe showed that the access cannot do the work."""
    if probe.refusal is not None:
        raise probe.refusal
    if probe.administrator is False:
        raise AccessError(
            f"The owner of the webhook, or who logged in, is no administrator of {portal}. Let an administrator do it."
        )
    if probe.kill_exists is False:
        raise AccessError(f"{portal} has no method to end workflows: its plan lacks business processes.")


#: What a book may ask beyond the rows: by it the scopes of which one is needed, and how the portal's form calls them.
_SCOPES: tuple[tuple[Asked, frozenset[str], str], ...] = (
    (Asked.USERS, frozenset({"user", "user_basic", "user_brief"}), "“Users” (user_brief is enough)"),
    (Asked.DOCUMENTS, frozenset({"crm"}), "“CRM” (crm)"),
    (Asked.DOCUMENTS, frozenset({"task"}), "“Tasks” (task)"),
)


def require_answers(probe: Probe, asks: Collection[Asked], authorization: Authorization) -> None:
    """Raises AccessError when the portal will not answer what the rules ask, before anything is listed."""
    lacking = [name for asked, scopes, name in _SCOPES if asked in asks and not _granted(probe, scopes)]
    if lacking:
        raise AccessError(
            f"The rules ask for users, tasks or documents, but the {authorization.way} of {authorization.portal} lacks "
            f"scopes: add {' and '.join(lacking)} to it. It may take up to a day to be seen."
        )
    if {Asked.TASKS, Asked.DOCUMENTS} & set(asks) and probe.administrator is not True:
        raise AccessError(
            f"{authorization.portal} does not say that the webhook's owner, or who logged in, is an administrator. "
            "Others are not shown all tasks and documents, so what is hidden would look like what is not there. "
            "Let an administrator do it."
        )


def _granted(probe: Probe, scopes: frozenset[str]) -> bool:
    """A portal that did not tell its scopes is asked; then the first question says it."""
    return probe.scopes is None or not scopes.isdisjoint(probe.scopes)


def same_portal(rules: RulesFile, authorization: Authorization) -> None:
    if rules.portal is not None and rules.portal != authorization.portal:
        raise SafetyStop(
            f"The rules file is for {rules.portal}, but the {authorization.way} is of {authorization.portal}. "
            "Nothing was done. To rehearse on a sandbox: b24-cleanup plan RULES --rehearsal"
        )


def only_a_rehearsal(authorization: Authorization) -> None:
    """Raises SafetyStop unless the portal is on this machine, whatever portal the rules file is for."""
    if not authorization.is_loopback:
        raise SafetyStop(
            f"--rehearsal is for a sandbox on this machine, "
            f"but the {authorization.way} is of {authorization.portal}. Nothing was done. "
            "A file, also of B24_OAUTH_FILE or B24_WEBHOOK_FILE, comes before B24_WEBHOOK_URL."
        )


def usage(connection: Connection, began: float) -> Usage:
    counters, pacer = connection.line.counters, connection.line.pacer
    return Usage(
        sent=counters.sent,
        retried=counters.retried,
        query_limit=counters.query_limit,
        operation_limit=counters.operation_limit,
        wall=time.monotonic() - began,
        waiting_rate=pacer.waiting_rate.seconds,
        waiting_operating=pacer.waiting_operating.seconds,
    )


def waits(connection: Connection) -> list[Wait]:
    """What was waited for since the last call, in the time of day."""
    pacer, now, at = connection.line.pacer, clock(), time.monotonic()
    watches = (("rate", pacer.waiting_rate), ("operating", pacer.waiting_operating))
    return [
        Wait(reason, now - timedelta(seconds=at - began), now - timedelta(seconds=at - ended))
        for reason, watch in watches
        for began, ended in watch.taken()
        if ended - began >= _SHORTEST_WAIT
    ]


def clock() -> datetime:
    return datetime.now(UTC)
