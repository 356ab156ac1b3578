"""The whole of it: the lines in the order in which things go wrong, and the one that ends the verb."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from cleanup.errors import AccessError, CleanupError, ExitCode, StoppedEarly
from cleanup.portal.authorization import WayIn
from cleanup.portal.errors import (
    AccessRefused,
    Misdirected,
    OperationLimited,
    PortalError,
    RateLimited,
    Unreachable,
    Untrusted,
)
from cleanup.portal.reaching import Certificate, Way
from cleanup.portal.told import Answers
from cleanup.reports.checkup import habits, rights
from cleanup.reports.checkup.findings import Access, Examination, Finding, Level
from cleanup.words import counted, in_brief

#: Certificates are usually renewed a month before their end.
_SOON = timedelta(days=14)
_BROWSE = "Open the portal in a browser: the host that it ends at belongs into the webhook's address, or the login."
_MOVE = {
    WayIn.WEBHOOK: "put {host} for {portal} into the webhook's address",
    WayIn.APPLICATION: "log in to {host} with a new credentials file, and put {host} into the place of the old one",
}
_LATER = "Try again in some minutes; if it stays so, ask who keeps the portal."


def judged(found: Examination) -> list[Finding]:
    """In the order in which things go wrong: the way there, who we are, what the portal is like."""
    lines = [*_way_lines(found)]
    if found.answers is not None:
        lines += _answer_lines(found.answers, found.portal, found.access)
    if found.failure is not None:
        lines.append(_failed(found.failure, found.access, way=found.way))
    return lines


def failure_of(findings: Iterable[Finding], found: Examination) -> CleanupError | None:
    """The first fault as the error that ends the verb; None: there is none."""
    fault = next((finding for finding in findings if finding.level is Level.FAULT), None)
    if found.failure is not None or fault is None:
        return found.failure
    kind = AccessError if fault.exit_code is ExitCode.ACCESS else StoppedEarly
    return kind(f"{found.portal}: {fault.text}. {fault.advice}".rstrip())


def _way_lines(found: Examination) -> Iterator[Finding]:
    way = found.way
    if way is None:
        return
    if way.proxy:
        yield Finding(Level.OK, "portal", f"{found.portal} is asked through the proxy {way.proxy}")
        yield Finding(Level.OK, "certificate", "verified by every request; through a proxy its end is not looked at")
        return
    yield Finding(Level.OK, "portal", f"{found.portal} is there, connected in {way.connected_in:.3f} s")
    if way.certificate is None:
        yield Finding(Level.OK, "certificate", "none is needed: plain http to this machine")
    else:
        yield _certificate(way.certificate, found.at)


def _certificate(certificate: Certificate, now: datetime) -> Finding:
    left = certificate.expires - now
    told = f"{certificate.protocol}, by {certificate.issuer}, until {certificate.expires:%Y-%m-%d}"
    if left > _SOON:
        return Finding(Level.OK, "certificate", told)
    return Finding(
        Level.WARNING,
        "certificate",
        f"{told}: it ends in {counted(max(0, left.days), 'day')}",
        "The portal's administrator must renew it; from then on nothing is sent.",
    )


def _answer_lines(answers: Answers, portal: str, access: Access) -> Iterator[Finding]:
    yield _redirect(answers.moved_to, portal, access)
    yield Finding(Level.OK, "access", f"{access.kind}, from {access.source}")
    yield rights.administrator(answers, access.way)
    yield rights.scope(answers.scopes, access.way)
    yield rights.methods(answers, access.way)
    yield habits.limits(answers)
    yield habits.limiter(answers)
    yield habits.clock(answers.ahead)
    yield habits.dates(answers.dates)
    yield habits.generation(answers.generation)
    yield rights.population(answers, portal, access.way)
    yield habits.round_trip(answers)


def _redirect(moved_to: str | None, portal: str, access: Access) -> Finding:
    if moved_to is None:
        return Finding(Level.OK, "redirect", "none: it answers under this name")
    host = in_brief(moved_to)
    return Finding(
        Level.WARNING,
        "redirect",
        f"the portal was renamed to {host}: every request goes there by a redirect",
        f"Finish runs of {portal} that are under way. Then {_MOVE[access.way].format(host=host, portal=portal)} "
        f"({access.source}) and into `portal:` of the rules files.",
    )


def _failed(error: PortalError, access: Access, *, way: Way | None) -> Finding:
    """What kept all of the answers, on the line that it belongs to."""
    told, code = error.told.removesuffix("."), ExitCode(error.exit_code)
    if isinstance(error, AccessRefused):
        return Finding(Level.FAULT, "access", f"{access.kind}, from {access.source}: {told}", error.advice, code)
    if isinstance(error, Misdirected):
        return Finding(Level.FAULT, "redirect", told, error.advice or _BROWSE, code)
    if isinstance(error, OperationLimited | RateLimited):
        name = "limits" if isinstance(error, RateLimited) else "limiter"
        return Finding(Level.FAULT, name, told, error.advice or _LATER, code)
    if way is not None:
        later = f"Is the proxy {way.proxy} the right one?" if way.proxy and isinstance(error, Unreachable) else _LATER
        return Finding(Level.FAULT, "answer", told, error.advice or later, code)
    return Finding(Level.FAULT, "certificate" if isinstance(error, Untrusted) else "portal", told, error.advice, code)
