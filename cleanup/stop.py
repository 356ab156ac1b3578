"""How a verb is asked to stop: by a signal, by the clock, or by an error. The first reason counts."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import anyio

from cleanup.errors import CleanupError, ExitCode, StoppedEarly

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(CleanupError):
    """A signal came before there was anything to record."""

    def __init__(self, number: int) -> None:
        super().__init__("interrupted before anything was done.")
        self.exit_code = ExitCode(128 + number)


@dataclass(eq=False, slots=True)
class Stop:
    """Asks for an end: nothing more is claimed, and waits for the portal are broken off."""

    #: None: a person or the clock asked, without an error.
    error: CleanupError | None = None
    asked: bool = False
    #: The signal that asked, where it was one.
    number: int | None = None
    #: What `interrupts` guards, with the seconds that it has left once a stop is asked for.
    _scopes: dict[anyio.CancelScope, float] = field(default_factory=dict)
    _parts: list["Stop"] = field(default_factory=list)

    def ask(self, error: CleanupError | None = None, *, number: int | None = None) -> None:
        if not self.asked:
            self.asked, self.error, self.number = True, error, number
        for scope, grace in self._scopes.items():
            _end(scope, grace)
        for part in self._parts:
            part.ask(error, number=number)

    def part(self) -> "Stop":
        """A stop for one of several that go on side by side: asked with this one, or alone."""
        part = Stop(self.error, self.asked, self.number)
        self._parts.append(part)
        return part

    @contextmanager
    def interrupts(self, *, grace: float = 0.0) -> Iterator[anyio.CancelScope]:
        """Work that ends `grace` seconds after a stop was asked for; the scope then says `cancelled_caught`."""
        with anyio.CancelScope() as scope:
            self._scopes[scope] = grace
            try:
                if self.asked:
                    _end(scope, grace)
                yield scope
            finally:
                del self._scopes[scope]

    @property
    def window_over(self) -> bool:
        """It was the clock that asked first."""
        return self.asked and self.error is None and self.number is None

    def reason(self) -> tuple[int, str]:
        """The exit code of what was stopped, and why, for a person."""
        if self.number is not None:
            return 128 + self.number, "Stopped by a signal."
        if self.error is not None:
            return int(self.error.exit_code), str(self.error)
        return int(ExitCode.STOPPED_EARLY), "The time window is over."

    def raised(self) -> CleanupError:
        """The same as an error, for a verb that has nothing to show yet."""
        if self.number is not None:
            return Interrupted(self.number)
        return self.error or StoppedEarly("The time window was over before anything was done.")


def _end(scope: anyio.CancelScope, grace: float) -> None:
    if grace:
        scope.deadline = min(scope.deadline, anyio.current_time() + grace)
    else:
        scope.cancel()


@asynccontextmanager
async def obeying(stop: Stop, *, seconds: float | None, tell: Callable[[str], None]) -> AsyncIterator[None]:
    """What is inside obeys signals and a time window. The first signal asks it to stop, the second cancels it.

    Code behind it runs in any case, and finds the reason in `stop`.
    """
    failure: CleanupError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_signals, stop, group.cancel_scope, tell, name="signals")
        group.start_soon(_window, stop, seconds, name="window")
        try:
            yield
        except CleanupError as error:
            failure = error  # raised below, so that it does not arrive wrapped in a group
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _signals(stop: Stop, scope: anyio.CancelScope, tell: Callable[[str], None]) -> None:
    received = 0
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        async for number in signals:
            received += 1
            if received > 1:
                scope.cancel()
                return
            stop.ask(number=int(number))
            tell("Stopping: what is in flight will be finished and recorded. Once more stops at once.")


async def _window(stop: Stop, seconds: float | None) -> None:
    if seconds is not None:
        await anyio.sleep(seconds)
        stop.ask()
