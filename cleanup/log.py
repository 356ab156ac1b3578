"""structlog on stderr, with the webhook's secret taken out of every line."""

import logging
import sys
from collections.abc import Iterable

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_HIDDEN = "<secret>"


def configure(*, verbose: bool, secrets: Iterable[str]) -> None:
    """Warnings, or with `verbose` one line a batch. No value of a line ever holds one of `secrets`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redactor(secrets),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redactor(secrets: Iterable[str]) -> Processor:
    """A processor that replaces the secrets in every text of a line, nested ones too."""
    hidden = tuple(secret for secret in secrets if secret)

    def redact(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        return {key: _redacted(value, hidden) for key, value in line.items()}

    return redact


def _redacted(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [_redacted(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _redacted(item, secrets) for key, item in value.items()}
    text = str(value)
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text
