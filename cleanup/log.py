"""structlog on stderr and, where wanted, in a file: console lines or JSON, with every secret taken out of them.

docs/logs.md lists the events. Rooms that only decide do not log.
"""

import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cleanup.errors import UsageError
from cleanup.log_settings import LogFormat, Logging
from cleanup.redaction import Redactor

_LOGGER = "cleanup"
_MOST_BYTES = 10 * 1024 * 1024
_OLD_FILES = 5


def configure(wanted: Logging, redactor: Redactor) -> None:
    """No value of a line ever holds a secret of `redactor`. Raises UsageError when the file cannot be written."""
    logger = logging.getLogger(_LOGGER)
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(_on_stderr(wanted))
    if wanted.file is not None:
        logger.addHandler(_in_file(wanted.file, wanted.shape))
    quiet = wanted.file is None and not wanted.verbose
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redacting(redactor),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        # Lines that nobody gets cost nothing: they are dropped before any processor runs.
        wrapper_class=structlog.make_filtering_bound_logger(logger.level),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )


def redacting(redactor: Redactor) -> Processor:
    """A processor that takes the secrets out of every text of a line, nested ones too."""

    def redact(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        return {key: _redacted(value, redactor) for key, value in line.items()}

    return redact


def _redacted(value: object, redactor: Redactor) -> object:
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [_redacted(item, redactor) for item in value]
    if isinstance(value, dict):
        return {key: _redacted(item, redactor) for key, item in value.items()}
    return redactor(str(value))


def _on_stderr(wanted: Logging) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO if wanted.verbose else logging.ERROR)
    handler.setFormatter(_formatter(wanted.shape, colours=sys.stderr.isatty()))
    return handler


def _in_file(path: Path, shape: LogFormat) -> logging.Handler:
    try:
        handler = _PrivateFile(path)
    except OSError as error:
        raise UsageError(f"The log file {path} cannot be written: {error.strerror}.") from error
    handler.setFormatter(_formatter(shape, colours=False))
    return handler


def _formatter(shape: LogFormat, *, colours: bool) -> logging.Formatter:
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if shape is LogFormat.CONSOLE:
        renderer = structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )


class _PrivateFile(RotatingFileHandler):
    """Rotates by size; every file is its owner's only. A full disk is told once and never ends a run."""

    def __init__(self, path: Path) -> None:
        self._told = False
        super().__init__(path, maxBytes=_MOST_BYTES, backupCount=_OLD_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(descriptor, 0o600)
        return open(descriptor, "a", encoding="utf-8")  # noqa: PTH123 - a descriptor, not a path

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names them
        if not self._told:
            self._told = True
            sys.stderr.write(f"b24-cleanup: the log file {self.baseFilename} cannot be written: {sys.exc_info()[1]}\n")
