"""From a plan to what became of it: the desk, the workers, and the decisions about answers, silence and vanishing."""

from cleanup.apply.engine import Apply
from cleanup.apply.outcomes import Judge
from cleanup.apply.rehearsal import Rehearsal, rehearse

__all__ = ["Apply", "Judge", "Rehearsal", "rehearse"]
