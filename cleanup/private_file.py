"""A small text file that holds a secret: read only when it is its owner's business alone."""

import os
import stat
from pathlib import Path

from cleanup.errors import UsageError

_MOST = 8192
#: Where Docker, Podman and Compose mount secrets.
_MOUNTED = Path("/run/secrets")
_READABLE, _WRITABLE = stat.S_IRGRP | stat.S_IROTH, stat.S_IWGRP | stat.S_IWOTH


def read(path: Path, what: str) -> str:
    """The file's text, up to 8 KiB. Raises UsageError when it cannot be read, or when others can."""
    try:
        status = path.stat()
        if path.is_file() and (unfit := status.st_mode & _forbidden(path, status)):
            raise UsageError(_refusal(path, what, changed=not unfit & _READABLE))
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"The {what} {path} cannot be read: {reason}.") from error


def _refusal(path: Path, what: str, *, changed: bool) -> str:
    return f"The {what} {path} can be {'changed' if changed else 'read'} by others. Run: chmod 600 {path}"


def _forbidden(path: Path, status: os.stat_result) -> int:
    """The permissions that the file may not have, by who put it there.

    - What belongs to others is theirs to guard, such as root's files that a container mounts; but nobody but its
      owner and group may be able to change it.
    - systemd gives credentials the mode 0440 in a directory that only the service may enter (systemd.exec,
      Credentials).
    - Secrets that a container engine mounts are 0444 or 0644 by default and root's, also where the process is root. The
      wall around them is the container: nobody else's processes are in it.
    - Any other file of ours is for us only.
    """
    if status.st_uid != os.getuid():
        return stat.S_IWOTH
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and path.absolute().is_relative_to(Path(given).absolute()):
        return 0o007
    return _WRITABLE if _is_mounted_secret(path) else 0o077


def _is_mounted_secret(path: Path) -> bool:
    """In /run/secrets, or in a volume that Kubernetes fills: there each name is a link to ..data/NAME."""
    return path.resolve().is_relative_to(_MOUNTED) or (path.is_symlink() and path.readlink().parts[:1] == ("..data",))
