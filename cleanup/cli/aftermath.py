"""What follows a verb, however it ends: a log line, the metrics file, a notification. The exit code stays."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import typer

from cleanup import log
from cleanup.cli.app import SECRETS, cause_of, exit_code_of
from cleanup.cli.options import PortalOptions, TellOptions
from cleanup.errors import UsageError
from cleanup.reports.ended import Ended, Kind, stem_of

if TYPE_CHECKING:
    from cleanup.commands import Result

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


def _tell(aftermath: Aftermath, notifier: Notifier, ended: Ended) -> None:
    _log_end(ended)
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


def _log_end(ended: Ended) -> None:
    run = {"run": ended.document["run"]} if ended.document else {}
    told: dict[str, Any] = {"verb": ended.verb, "exit": ended.exit_code, "seconds": round(ended.seconds, 1)}
    if ended.kind is Kind.SUCCESS:
        _log.info("verb.done", portal=ended.portal, **run, **told)
    else:
        _log.warning("verb.failed", portal=ended.portal, **run, **told, error=ended.message)


def _write_metrics(path: Path, ended: Ended) -> None:
    from cleanup.reports import metrics

    try:
        metrics.write(path, ended)
    except OSError as error:
        _warn(f"the metrics file {path} cannot be written: {error.strerror}")
        _log.error("metrics.not_written", file=str(path), error=str(error))


def _notify(addresses: tuple[str, ...], ended: Ended) -> None:
    from cleanup import notify
    from cleanup.reports import summary

    try:
        notify.send(addresses, title=SECRETS(summary.title(ended)), body=SECRETS(summary.body(ended)))
    except notify.NotSentError as error:
        _warn(f"the notification was not sent: {error}.")
        _log.error("notify.not_sent", addresses=len(addresses), error=str(error))
    else:
        _log.info("notify.sent", addresses=len(addresses), kind=ended.kind)


def _warn(text: str) -> None:
    typer.echo(SECRETS(f"b24-cleanup: {text}"), err=True)
