"""Where runs lie between commands: their checkpoints, one lock a portal, and what is remembered of a portal."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import platformdirs

from cleanup.errors import Busy, UsageError

_ENDING = ".sqlite"
_POINTER = ".at"
#: Seconds for which a lock is tried: somebody who only looks whether it is held holds it for a moment.
PATIENCE = 1.0
_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4,6}")


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """A directory tree of mode 0700. Checkpoints made elsewhere by --checkpoint leave a pointer here."""

    root: Path

    @classmethod
    def named(cls, option: Path | None) -> "StateDirectory":
        """From --state-dir, else B24_CLEANUP_STATE_DIR, else the platform's place."""
        chosen = option or os.environ.get("B24_CLEANUP_STATE_DIR") or platformdirs.user_state_path("b24-cleanup")
        return cls(Path(chosen).expanduser().absolute())

    def memory(self, portal: str) -> Path:
        """How full the portal's request bucket was."""
        return self._folder("portals") / f"{_file_name(portal)}.json"

    def learned(self, portal: str) -> Path:
        """What runs measured there: seconds per kill, limits."""
        return self._folder("portals") / f"{_file_name(portal)}.learned.json"

    def new_run(self, now: datetime) -> str:
        """A new run id; ids sort by time, also those of one second."""
        fraction = now.microsecond * 0x10000 // 1_000_000
        return f"{now:%Y%m%d-%H%M%S}-{fraction:04x}{secrets.token_hex(1)}"

    def checkpoint(self, run: str, elsewhere: Path | None) -> Path:
        """Where the checkpoint of a new run goes."""
        folder = self._folder("runs")
        if elsewhere is None:
            return folder / f"{run}{_ENDING}"
        target = elsewhere.expanduser().absolute()
        with _writable(folder):
            (folder / f"{run}{_POINTER}").write_bytes(os.fsencode(target))
        return target

    def find(self, named: str) -> Path:
        """The checkpoint of a run id, a path, or `last`. Raises UsageError."""
        runs = self.runs()
        if named == "last":
            if not runs:
                raise UsageError(f"There is no run yet in {self.root}. Begin with: b24-cleanup plan RULES")
            return runs[max(runs)]
        if named in runs:
            return runs[named]
        path = Path(named).expanduser()
        if path.suffix in {".yaml", ".yml"} and path.exists():
            raise UsageError(f"{named} is a rules file, not a run. Begin with: b24-cleanup plan {named}")
        if path.exists():
            return path.absolute()
        if _RUN.fullmatch(named):
            raise UsageError(f"There is no run {named} in {self.root}. See: b24-cleanup runs")
        raise UsageError(f"{named} is neither a run, nor a checkpoint file, nor “last”. See: b24-cleanup runs")

    def runs(self) -> dict[str, Path]:
        """Checkpoints by run id; those that were deleted are left out."""
        folder = self.root / "runs"
        try:
            found = {path.stem: path for path in folder.glob(f"*{_ENDING}") if path.stat().st_size}
            for pointer in folder.glob(f"*{_POINTER}"):
                target = Path(os.fsdecode(pointer.read_bytes().strip()))
                if target.is_file():
                    found[pointer.stem] = target
        except OSError as error:
            raise UsageError(f"The state directory {self.root} cannot be read: {error.strerror}.") from error
        newest = {path: run for run, path in sorted(found.items())}  # a file may have been used again
        return {run: path for path, run in sorted(newest.items(), key=lambda item: item[1])}

    @contextmanager
    def lock(self, portal: str, *, patience: float = PATIENCE) -> Iterator[None]:
        """Holds a portal, so that two runs cannot overlap. Raises Busy. A dead process holds nothing.

        It blocks for so many seconds at most.
        """
        path = self._folder("locks") / f"{_file_name(portal)}.lock"
        with _locked(path, f"Another run holds {portal}. Wait for its end; b24-cleanup runs shows it.", patience):
            yield

    def held(self, portal: str) -> bool:
        """Whether a living process holds the portal now."""
        if not (self.root / "locks" / f"{_file_name(portal)}.lock").exists():
            return False
        try:
            with _locked(self.root / "locks" / f"{_file_name(portal)}.lock", "", 0):
                return False
        except Busy:
            return True

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        with _writable(folder):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
        return folder


@contextmanager
def lock_checkpoint(path: Path) -> Iterator[None]:
    """Holds one checkpoint, also against a run with another state directory. Raises Busy."""
    lock = path.with_name(f"{path.name}.lock")
    with _locked(lock, f"Another process applies the checkpoint {path}. Wait for its end.", PATIENCE):
        yield


@contextmanager
def _locked(path: Path, busy: str, patience: float) -> Iterator[None]:
    import filelock  # a tenth of the start of a verb that only reads

    lock = filelock.FileLock(path, timeout=patience, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise Busy(busy) from error
    except OSError as error:
        raise UsageError(f"The lock {path} cannot be written: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"The state directory {folder} cannot be written: {error.strerror}. "
            "Name another one by --state-dir or B24_CLEANUP_STATE_DIR."
        ) from error


def _file_name(portal: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", portal)
