"""The verbs that talk to a portal, from options to an exit code. Each is one task group; what they print is the door's.

A command returns a Result when a journal exists, whatever happened; before that it raises CleanupError.
"""

from cleanup.commands.applying import Window, apply, refusals
from cleanup.commands.asking import (
    difference,
    explain_by_rules,
    explain_by_run,
    explain_entry,
    inventory,
    verify,
)
from cleanup.commands.checking import check
from cleanup.commands.connection import Result, Setting, require_rights
from cleanup.commands.entering import enter, require_room, wait_for_code
from cleanup.commands.planning import plan
from cleanup.commands.portals import Fleet, run_portals
from cleanup.commands.running import run

__all__ = [
    "Fleet",
    "Result",
    "Setting",
    "Window",
    "apply",
    "check",
    "difference",
    "enter",
    "explain_by_rules",
    "explain_by_run",
    "explain_entry",
    "inventory",
    "plan",
    "refusals",
    "require_rights",
    "require_room",
    "run",
    "run_portals",
    "verify",
    "wait_for_code",
]
