"""The credentials file on the disk: read by its owner only, replaced as a whole, held by one process while it changes.

New tokens go into FILE.new, which is made and filled before they are asked for, so that a full disk or a read-only
folder is found before the old refresh token is spent. A crash at any point leaves the old ones in FILE, or the new ones
in FILE or FILE.new; whoever holds the file next takes them.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import filelock

from cleanup import private_file
from cleanup.errors import UsageError
from cleanup.portal.credentials import Credentials, CredentialsError, from_text, to_text

#: Bytes that a file is filled with before its content is known; no content is longer.
_ROOM = 8192
_LOOK_AGAIN = 0.05


class HeldTooLongError(Exception):
    """Another process held the file for all the time that there was."""


@dataclass(frozen=True, slots=True)
class CredentialsFile:
    path: Path

    @classmethod
    def named(cls, path: Path) -> "CredentialsFile":
        """A link leads to the file that is replaced, and is itself left alone."""
        return cls(path.expanduser().resolve())

    @property
    def _new(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    def load(self) -> Credentials:
        """Raises UsageError."""
        try:
            return from_text(private_file.read(self.path, "credentials file"))
        except CredentialsError as error:
            raise UsageError(
                f"The credentials file {self.path} is of no use: {error}. Make it anew: b24-cleanup login"
            ) from None

    def require_writable(self) -> None:
        """Raises UsageError where new tokens could not be stored: they would be lost, and the access with them."""
        if not os.access(self.path.parent, os.W_OK):
            raise UsageError(
                f"The folder of the credentials file {self.path} cannot be written, but every refresh brings new "
                "tokens. Keep it in a folder of its own that can be written, not in a mounted secret."
            )

    @asynccontextmanager
    async def held(self, seconds: float) -> AsyncIterator[None]:
        """No other process changes it meanwhile; a dead one holds nothing. Raises HeldTooLongError, UsageError."""
        lock = filelock.FileLock(self.path.with_name(f"{self.path.name}.lock"), mode=0o600)
        with anyio.move_on_after(seconds) as waiting:
            while not _acquired(lock):  # noqa: ASYNC110 - it waits for another process, which sets no event
                await anyio.sleep(_LOOK_AGAIN)
        if waiting.cancelled_caught:
            raise HeldTooLongError
        try:
            yield
        finally:
            lock.release()

    def recover(self) -> None:
        """While it is held: finishes the replacement that a crash cut off, if its content was complete."""
        if not self._new.exists():
            return
        with suppress(CredentialsError, UsageError), _writing(self.path):
            from_text(private_file.read(self._new, "credentials file"))
            self._put_in_place()

    def prepare(self) -> None:
        """While it is held: makes room for new tokens. Raises UsageError, and then nothing has changed."""
        with _writing(self.path):
            self._write(b" " * _ROOM)

    def discard(self) -> None:
        """While it is held: takes the room back that nothing came for."""
        with suppress(OSError):
            self._new.unlink()

    def store(self, credentials: Credentials) -> None:
        """While it is held: replaces the file; when this returns it is on the disk. Raises UsageError."""
        with _writing(self.path):
            self._write(to_text(credentials).encode())
            self._put_in_place()

    def _write(self, content: bytes) -> None:
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            written = os.pwrite(descriptor, content, 0)
            if written != len(content):
                raise OSError(28, "No space left on device")
            os.ftruncate(descriptor, len(content))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _put_in_place(self) -> None:
        self._new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _acquired(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise UsageError(f"The lock {lock.lock_file} cannot be written: {error.strerror}.") from error
    return True


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"The credentials file {path} cannot be written: {error.strerror}.") from error
