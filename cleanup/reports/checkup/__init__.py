"""What `check` found out about a portal, a line each: ok, warning or fault, with what to do. Judging is without I/O."""

from cleanup.reports.checkup.findings import Access, Examination, Finding, Level
from cleanup.reports.checkup.judging import failure_of, judged

__all__ = ["Access", "Examination", "Finding", "Level", "failure_of", "judged"]
