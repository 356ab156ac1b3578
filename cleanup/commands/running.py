"""`run`, for cron: finishes what an earlier night left, then plans and, within the caps, applies."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import structlog

from cleanup import guards
from cleanup.commands.applying import Window, Work
from cleanup.commands.connection import Result, Setting, clock, same_portal
from cleanup.commands.planning import Listing
from cleanup.config import RulesFile
from cleanup.errors import CleanupError, ExitCode, UsageError
from cleanup.journal import Journal
from cleanup.model import State
from cleanup.reports.document import Document
from cleanup.state_directory import StateDirectory, lock_checkpoint
from cleanup.stop import Stop, obeying

_log = structlog.get_logger()


async def run(
    setting: Setting,
    rules: RulesFile,
    window: Window,
    *,
    checkpoint: Path | None,
    now: datetime | None,
    include_locked: bool,
) -> Result:
    """Finishes an unfinished run of the same portal and rules, then plans and applies a new one.

    A run that a guard stopped, or that could not go on, is the end of it: then nothing new is planned.
    """
    same_portal(rules, setting.authorization)
    listing = Listing(setting, rules, checkpoint=checkpoint, now=now, include_locked=include_locked, verb="run")
    stop = Stop()
    with setting.state.lock(setting.authorization.portal), ExitStack() as journals:
        night = Night(setting, rules, window, listing, journals)
        async with obeying(stop, seconds=window.seconds, tell=setting.tell):
            await night.do(stop)
        return night.result(stop)


class Night:
    """The steps of one `run`; the last one that was begun has the result."""

    def __init__(
        self,
        setting: Setting,
        rules: RulesFile,
        window: Window,
        listing: Listing,
        journals: ExitStack,
        *,
        begun: Sequence[Path] | None = None,
    ) -> None:
        """`begun`: earlier runs of this portal that are known already, the oldest first; None: it looks for them."""
        self._setting, self._rules, self._window = setting, rules, window
        self._listing, self._journals = listing, journals
        self._known = begun
        self._last: Work | Listing = listing
        #: Of the run that was finished first.
        self._earlier: Document | None = None
        #: Some of an earlier run failed: a good end of this one does not make that good.
        self._earlier_failed = False
        #: Why nothing came after it.
        self._cut_off: CleanupError | None = None

    async def do(self, stop: Stop) -> None:
        for path in () if self._window.dry_run else self._left_in_doubt():
            await self._settle(path, stop)
        unfinished = self._unfinished()
        if unfinished is not None and not await self._goes_on_after(unfinished, stop):
            return
        try:
            await self._begin_anew(stop)
        except CleanupError as error:
            if self._earlier is None:
                raise
            self._cut_off = error

    async def _settle(self, path: Path, stop: Stop) -> None:
        """An old run must not stand in the way of this night, whatever is wrong with it."""
        try:
            with Journal.open(path) as journal, lock_checkpoint(path):
                await Work(self._setting, journal, self._window, verb="run", may_end=False).do(stop)
        except CleanupError as error:
            if stop.asked:
                raise
            _log.warning("run.not_settled", checkpoint=str(path), error=str(error))
            self._setting.tell(f"The earlier run {path.stem} could not be settled: {error}")

    async def _begin_anew(self, stop: Stop) -> None:
        self._last = self._listing
        await self._listing.do(stop)
        planned = self._listing.result(stop)
        if not planned.exit_code:
            self._last = work = self._work(Path(planned.document["checkpoint"]))
            await work.do(stop)

    async def _goes_on_after(self, path: Path, stop: Stop) -> bool:
        self._setting.tell(f"First finishing the run {path.stem}.")
        _log.info("run.resumes", earlier=path.stem)
        work = self._last = self._work(path)
        await work.do(stop)
        finished = work.result(stop)
        code, self._earlier = finished.exit_code, finished.document
        self._earlier_failed = code == ExitCode.SOME_FAILED
        return code in {ExitCode.DONE, ExitCode.SOME_FAILED} and not self._listing.is_to_fill(path)

    def _work(self, path: Path) -> Work:
        """An apply of that journal, which stays open, and held, until the night is over."""
        journal = self._journals.enter_context(Journal.open(path))
        self._journals.enter_context(lock_checkpoint(path))
        return Work(self._setting, journal, self._window, verb="run", rules=self._rules)

    def result(self, stop: Stop) -> Result:
        if self._earlier is not None and self._cut_off is not None:
            code = int(self._cut_off.exit_code)
            message = f"The run {self._earlier['run']} was finished first; then no new one was begun: {self._cut_off}"
            return Result(document=self._earlier | {"exit": code}, exit_code=code, message=message)
        result = self._last.result(stop)
        if self._earlier is not None and self._earlier["run"] != result.document["run"]:
            result.earlier = self._earlier
        if result.exit_code == ExitCode.DONE and self._earlier_failed:
            result.exit_code = int(ExitCode.SOME_FAILED)
            result.document["exit"] = result.exit_code
            result.message = "Some of the run that was finished first failed. See: b24-cleanup runs"
        return result

    def _unfinished(self) -> Path | None:
        """The newest run of this portal and these rules whose apply began, did not end, and is not too old."""
        return next((path for path, journal in self._begun() if self._is_of_these_rules(journal)), None)

    def _left_in_doubt(self) -> list[Path]:
        """Runs of this portal that are not resumed any more, with entries whose answers never came."""
        return [
            path
            for path, journal in self._begun()
            if State.SENT in journal.state_counts() and not self._is_of_these_rules(journal)
        ]

    def _begun(self) -> Iterator[tuple[Path, Journal]]:
        """Runs of this portal whose apply began and did not end, the newest first."""
        paths = [*self._setting.state.runs().values()] if self._known is None else self._known
        for path in reversed(paths):
            with ExitStack() as opened:
                journal = _begun(path, opened)
                if journal is not None and journal.head().portal == self._setting.authorization.portal:
                    yield path, journal

    def _is_of_these_rules(self, journal: Journal) -> bool:
        head = journal.head()
        young = not guards.too_old(datetime.fromisoformat(head.created), clock())
        same = (head.rules_digest, bool(head.include_locked)) == (self._rules.digest, self._listing.include_locked)
        return young and same


def begun_by_portal(state: StateDirectory) -> dict[str, list[Path]]:
    """Runs whose apply began and did not end, the oldest first: looked through once for many portals."""
    found: dict[str, list[Path]] = {}
    for path in state.runs().values():
        with ExitStack() as opened:
            if (journal := _begun(path, opened)) is not None:
                found.setdefault(journal.head().portal, []).append(path)
    return found


def _begun(path: Path, opened: ExitStack) -> Journal | None:
    """The journal of a run whose apply began and did not end, open for reading; None: it is none."""
    try:
        journal = opened.enter_context(Journal.open(path, readonly=True))
        return journal if journal.first_applied() and journal.state() != "finished" else None
    except UsageError as error:
        _log.warning("run.checkpoint_unreadable", checkpoint=str(path), error=str(error))
        return None
