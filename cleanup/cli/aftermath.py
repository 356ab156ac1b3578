"""What follows a verb, however it ends: a log line, the metrics file, a notification. The exit code stays."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import typer

from cleanup import log
from cleanup.cli.app import SECRETS, exit_code_of
from cleanup.cli.options import PortalOptions, TellOptions
from cleanup.errors import UsageError, cause_of
from cleanup.log_settings import Logging
from cleanup.reports.ended import Ended, Kind, stem_of

if TYPE_CHECKING:
    from cleanup.commands import Result
    from cleanup.reports.portals import PortalEnd

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Notifier:
    """Addresses to be told, and what they want to be told of."""

    addresses: tuple[str, ...] = field(default=(), repr=False)
    kinds: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What is to be told of one verb, and where to."""

    verb: str
    #: A name for the metrics while no run names its rules file; "": that of the last run in the metrics file.
    rules: str = ""
    tell: TellOptions
    #: A rehearsal is nobody's news, and must not look like a night that went well.
    silent: bool = False


def followed(aftermath: Aftermath, portal: PortalOptions, work: Callable[[], "Result"]) -> "Result":
    """The result of `work`. However it ends, the aftermath is told of it; what it raises goes on."""
    began, notifier = time.monotonic(), Notifier()
    try:
        log.configure(portal.logging, SECRETS)
        notifier = _notifier_of(aftermath.tell)
        result = work()
    except BaseException as error:
        ended = _failed(aftermath, portal, cause_of(error), seconds=time.monotonic() - began)
        _tell(aftermath, notifier, ended)
        raise
    _tell(aftermath, notifier, _ended(aftermath, result, seconds=time.monotonic() - began))
    return result


def followed_by_many(
    aftermath: Aftermath, logging: Logging, work: Callable[[], list["PortalEnd"]]
) -> list["PortalEnd"]:
    """The same for many portals: one metrics file and one notification of all. Each is logged where it ends."""
    began, notifier = time.monotonic(), Notifier()
    try:
        log.configure(logging, SECRETS)
        notifier = _notifier_of(aftermath.tell)
        ends = work()
    except BaseException as raised:
        error = cause_of(raised)
        ended = Ended(
            verb=aftermath.verb,
            portal="",
            rules=aftermath.rules,
            exit_code=exit_code_of(error),
            message=str(error) or type(error).__name__,
            **_now(time.monotonic() - began),
        )
        _tell(replace(aftermath, tell=replace(aftermath.tell, metrics_file=None)), notifier, ended)
        raise
    if not aftermath.silent:
        _tell_of_many(aftermath.tell, notifier, ends)
    return ends


def _tell_of_many(tell: TellOptions, notifier: Notifier, ends: list["PortalEnd"]) -> None:
    from cleanup.reports import summary

    if tell.metrics_file is not None:
        _write_metrics(tell.metrics_file, *(end.ended for end in ends))
    told = [end for end in ends if end.ended.kind in notifier.kinds]
    if notifier.addresses and told:
        kind = min((end.ended.kind for end in told), key=[Kind.FAILURE, Kind.SAFETY_STOP, Kind.SUCCESS].index)
        _send(notifier.addresses, kind, summary.title_of_many(ends), summary.body_of_many(told))


def _tell(aftermath: Aftermath, notifier: Notifier, ended: Ended) -> None:
    from cleanup.commands.telling import log_end

    log_end(ended)
    if aftermath.silent:
        return
    if aftermath.tell.metrics_file is not None:
        _write_metrics(aftermath.tell.metrics_file, ended)
    if notifier.addresses and ended.kind in notifier.kinds:
        _notify(notifier.addresses, ended)


def _notifier_of(tell: TellOptions) -> Notifier:
    """Raises UsageError before anything is done; from here on the addresses' secrets are hidden."""
    from cleanup import notify

    kinds, addresses = kinds_of(tell.notify_on), notify.addresses(tell.notify_file)
    for address in addresses:
        SECRETS.hide(*notify.secrets_of(address))
    return Notifier(addresses, kinds)


def kinds_of(text: str) -> frozenset[Kind]:
    """Of `failure,safety-stop,success`. Raises UsageError."""
    words = {word.strip() for word in text.split(",") if word.strip()}
    if wrong := words - {*Kind}:
        raise UsageError(f"--notify-on takes {', '.join(Kind)}, not {', '.join(sorted(wrong))}.")
    return frozenset(Kind(word) for word in words)


def _ended(aftermath: Aftermath, result: "Result", *, seconds: float) -> Ended:
    document = result.document
    return Ended(
        verb=aftermath.verb,
        portal=document["portal"],
        rules=stem_of(document["rules"]["file"]),
        exit_code=int(document["exit"]),
        message=result.message,
        document=document,
        earlier=result.earlier,
        window_over=result.window_over,
        **_now(seconds),
    )


def _failed(aftermath: Aftermath, portal: PortalOptions, error: BaseException, *, seconds: float) -> Ended:
    return Ended(
        verb=aftermath.verb,
        portal=_portal_of(portal),
        rules=aftermath.rules,
        exit_code=exit_code_of(error),
        message=str(error) or type(error).__name__,
        **_now(seconds),
    )


def _now(seconds: float) -> dict[str, Any]:
    return {"at": datetime.now(UTC), "seconds": seconds}


def _portal_of(options: PortalOptions) -> str:
    from cleanup.cli.shared import way_in

    try:
        return way_in(options).authorization.portal
    except UsageError:
        return ""


def _write_metrics(path: Path, *ended: Ended) -> None:
    from cleanup.reports import metrics

    try:
        metrics.write(path, *ended)
    except OSError as error:
        _warn(f"the metrics file {path} cannot be written: {error.strerror}")
        _log.error("metrics.not_written", file=str(path), error=str(error))


def _notify(addresses: tuple[str, ...], ended: Ended) -> None:
    from cleanup.reports import summary

    _send(addresses, ended.kind, summary.title(ended), summary.body(ended))


def _send(addresses: tuple[str, ...], kind: Kind, title: str, body: str) -> None:
    from cleanup import notify

    try:
        notify.send(addresses, title=SECRETS(title), body=SECRETS(body))
    except notify.NotSentError as error:
        _warn(f"the notification was not sent: {error}.")
        _log.error("notify.not_sent", addresses=len(addresses), error=str(error))
    else:
        _log.info("notify.sent", addresses=len(addresses), kind=kind)


def _warn(text: str) -> None:
    typer.echo(SECRETS(f"b24-cleanup: {text}"), err=True)
