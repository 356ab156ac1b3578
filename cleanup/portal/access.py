"""Which way in was given, on the command line or by the environment, and what it leads to."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cleanup import sources
from cleanup.errors import UsageError
from cleanup.portal import auth
from cleanup.portal.application import Application
from cleanup.portal.auth import Webhook
from cleanup.portal.authorization import Authorization, WayIn
from cleanup.portal.given import Given
from cleanup.redaction import Redactor
from cleanup.sources import Kind, Source

#: By variable: the way in, and the kind of place that its value names; None: the value says it, as env:NAME. The first
#: that is set counts.
_VARIABLES: tuple[tuple[str, WayIn, Kind | None], ...] = (
    ("B24_OAUTH_FILE", WayIn.APPLICATION, Kind.FILE),
    ("B24_WEBHOOK_FROM", WayIn.WEBHOOK, None),
    ("B24_WEBHOOK_FILE", WayIn.WEBHOOK, Kind.FILE),
    ("B24_WEBHOOK_URL", WayIn.WEBHOOK, Kind.ENV),
)


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way in and where its secret is."""

    way: WayIn
    source: Source

    def __str__(self) -> str:
        return f"{self.way} by {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    authorization: Authorization
    entrance: Entrance
    #: Variables that name another way in, and were not looked at, where a variable and no option decided.
    passed_over: tuple[str, ...]


def find(given: Given, redactor: Redactor) -> Found:
    """From the options, else from the environment. From here on `redactor` hides the secrets. Raises UsageError."""
    named = _named(given)
    if len(named) > 1:
        raise UsageError(
            f"{' and '.join(named)} name different ways into a portal. Give one of them: "
            "it must be clear which portal is meant."
        )
    by_variable = dict(_by_variable())
    if not named and not by_variable:
        raise UsageError(
            "No way into a portal: set B24_WEBHOOK_URL, or name a place by --webhook-file, --webhook-from or "
            f"--oauth-file. The webhook's address: {auth.HINT}"
        )
    used, entrance = next(iter((named or by_variable).items()))
    passed_over = () if named else tuple(name for name in by_variable if name != used)
    return Found(authorization=opened(entrance, redactor), entrance=entrance, passed_over=passed_over)


def is_given(given: Given) -> bool:
    """Whether `find` has something to look at."""
    return bool(_named(given)) or any(os.environ.get(name) for name, _, _ in _VARIABLES)


def opened(entrance: Entrance, redactor: Redactor) -> Authorization:
    """Raises UsageError."""
    if entrance.way is WayIn.APPLICATION:
        return Application.opened(Path(entrance.source.name), redactor)
    webhook: Webhook = auth.parse(sources.read(entrance.source, "webhook"))
    redactor.hide(*webhook.secrets)
    return webhook


def _named(given: Given) -> dict[str, Entrance]:
    found: dict[str, Entrance] = {}
    if given.oauth_file is not None:
        found["--oauth-file"] = Entrance(WayIn.APPLICATION, Source(Kind.FILE, str(given.oauth_file)))
    if given.webhook_from is not None:
        found["--webhook-from"] = Entrance(WayIn.WEBHOOK, sources.parse(given.webhook_from))
    if given.webhook_file is not None:
        found["--webhook-file"] = Entrance(WayIn.WEBHOOK, Source(Kind.FILE, str(given.webhook_file)))
    return found


def _by_variable() -> Iterator[tuple[str, Entrance]]:
    for variable, way, kind in _VARIABLES:
        value = os.environ.get(variable)
        if value:
            yield variable, Entrance(way, _place(variable, value, kind))


def _place(variable: str, value: str, kind: Kind | None) -> Source:
    if kind is None:
        return sources.parse(value)
    return Source(kind, variable if kind is Kind.ENV else value)
