"""The log line of a verb's end: of one that has a portal for itself, and of each of many."""

from typing import Any

import structlog

from cleanup.reports.ended import Ended, Kind

_log = structlog.get_logger()


def log_end(ended: Ended, **more: str) -> None:
    run = {"run": ended.document["run"]} if ended.document else {}
    told: dict[str, Any] = {"verb": ended.verb, "exit": ended.exit_code, "seconds": round(ended.seconds, 1)}
    if ended.kind is Kind.SUCCESS:
        _log.info("verb.done", portal=ended.portal, **run, **told, **more)
    else:
        _log.warning("verb.failed", portal=ended.portal, **run, **told, **more, error=ended.message)
