"""What ends a verb early: one exit code each, and the error that carries it to the door.

CleanupError             1   unexpected
├── UsageError           2   arguments, rules or configuration are not usable
├── SafetyStop           4   a guard said no: nothing (more) was ended
├── AccessError          5   webhook, rights, scope or plan of the portal
├── StoppedEarly         6   window over, portal limit, network: the same command goes on
└── Busy                 7   another run holds this portal
"""

from enum import IntEnum


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
