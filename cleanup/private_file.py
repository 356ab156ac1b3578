"""A small text file that holds a secret: read only when it is its owner's business alone."""

import os
from pathlib import Path

from cleanup.errors import UsageError

_MOST = 4096


def read(path: Path, what: str) -> str:
    """The file's text, up to 4 KiB. Raises UsageError when it cannot be read, or when others can."""
    try:
        status = path.stat()
        if path.is_file() and status.st_uid == os.getuid() and status.st_mode & _forbidden(path):
            raise UsageError(f"The {what} {path} can be read by others. Run: chmod 600 {path}")
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"The {what} {path} cannot be read: {reason}.") from error


def _forbidden(path: Path) -> int:
    """The permissions that a file of ours may not have. What belongs to others is theirs to guard.

    systemd gives credentials the mode 0440 in a directory that only the service may enter (systemd.exec, Credentials).
    """
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return 0o007 if given and path.absolute().is_relative_to(Path(given).absolute()) else 0o077
