"""The file of a journal: made whole or not at all, and SQLite's errors told as ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from cleanup.errors import CleanupError, StoppedEarly, UsageError
from cleanup.journal.forms import take_steps
from cleanup.journal.records import IllegalStepError, RunHead


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    with foreign_errors(path):
        mode = "ro" if readonly else "rw"
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=10)


def write(path: Path, connection: sqlite3.Connection, head: RunHead) -> None:
    """In one transaction, and closed. `path` is the name that errors tell."""
    pairs = asdict(head) | {"state": "listing", "bookmark": ""}
    with foreign_errors(path), closing(connection) as db:
        db.execute("BEGIN")
        take_steps(db, 0)
        db.executemany("INSERT INTO run VALUES (?, ?)", pairs.items())
        db.execute("COMMIT")


def appear(made: Path, path: Path) -> None:
    """Gives the file its name. Raises FileExistsError, where a rename would overwrite."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        made.rename(path)


@contextmanager
def foreign_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, each with what to do."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IllegalStepError(f"{path}: {error}") from error
    except sqlite3.OperationalError as error:
        raise _of_operation(path, error) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise UsageError(damaged(path)) from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the file holds is turned into values: where it cannot be, bytes of it were flipped."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(damaged(path)) from error


def _of_operation(path: Path, error: sqlite3.OperationalError) -> CleanupError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # absent where Python itself could not decode a text
    if code == sqlite3.SQLITE_FULL:
        return StoppedEarly(f"The disk under {path} is full. Make room and run the same command: nothing is lost.")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return UsageError(f"The checkpoint {path} cannot be written: {error}.")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoppedEarly(f"The checkpoint {path} is held by another process. Try again when that has ended.")
    if code == sqlite3.SQLITE_IOERR:
        return StoppedEarly(f"The disk under {path} fails ({error}). Mend it and run the same command.")
    return UsageError(f"{damaged(path)} ({error})")


def damaged(path: Path) -> str:
    return f"The checkpoint {path} is damaged or no checkpoint at all. Nothing was sent; make a new plan."
