"""The journal: one SQLite file that is a run's plan, its checkpoint and its record. No other room knows SQL.

The table of states (model.STEPS) is a trigger in the file itself: a step that it does not allow raises and changes
nothing.
"""

from cleanup.journal.journal import Journal
from cleanup.journal.records import (
    Batch,
    Count,
    EntryCount,
    IllegalStepError,
    Outcome,
    RunHead,
    Unsettled,
    Usage,
    Wait,
)

__all__ = [
    "Batch",
    "Count",
    "EntryCount",
    "IllegalStepError",
    "Journal",
    "Outcome",
    "RunHead",
    "Unsettled",
    "Usage",
    "Wait",
]
