"""What ends a verb early: one exit code each, and the error that carries it to the door.

CleanupError             1   unexpected
├── UsageError           2   arguments, rules or configuration are not usable
├── SafetyStop           4   a guard said no: nothing (more) was ended
├── AccessError          5   webhook, rights, scope or plan of the portal
├── StoppedEarly         6   window over, portal limit, network: the same command goes on
└── Busy                 7   another run holds this portal
"""

import traceback
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """The contract with cron, systemd and scripts (README, Exit codes)."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    SOME_FAILED = 3
    SAFETY_STOP = 4
    ACCESS = 5
    STOPPED_EARLY = 6
    BUSY = 7
    PLAN_NOT_EMPTY = 10
    INTERRUPTED = 130
    TERMINATED = 143


#: Which of several exit codes is told: what wants a person most comes first, what goes on by itself last.
BADNESS = (
    ExitCode.UNEXPECTED,
    ExitCode.SAFETY_STOP,
    ExitCode.ACCESS,
    ExitCode.USAGE,
    ExitCode.SOME_FAILED,
    ExitCode.BUSY,
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.STOPPED_EARLY,
    ExitCode.DONE,
)


def worst(codes: Iterable[int]) -> int:
    """The worst of these exit codes; 0 when there are none."""
    return min(map(int, codes), key=BADNESS.index, default=int(ExitCode.DONE))


class CleanupError(Exception):
    """Ends a verb. The text is one message for a person: what was asked, what came back, what to do next."""

    exit_code = ExitCode.UNEXPECTED


class UsageError(CleanupError):
    exit_code = ExitCode.USAGE


class SafetyStop(CleanupError):
    exit_code = ExitCode.SAFETY_STOP


class AccessError(CleanupError):
    exit_code = ExitCode.ACCESS


class StoppedEarly(CleanupError):
    exit_code = ExitCode.STOPPED_EARLY


class Busy(CleanupError):
    exit_code = ExitCode.BUSY


def cause_of(error: BaseException) -> BaseException:
    """The error itself, or the first one of a group."""
    return cause_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def defect(error: BaseException) -> str:
    """What is told of a defect of ours: its kind and place, without values, which could hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "cleanup" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    return (
        f"an unexpected error ({type(error).__name__} at {place}). The checkpoint is kept: "
        "apply goes on from it. Please report this line."
    )
