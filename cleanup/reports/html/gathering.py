"""One pass over the entries of a run: everything that the page counts, and the first rows of its table."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from cleanup.journal import Journal
from cleanup.model import ENDED_BY, Entry
from cleanup.reports.html.shown import shown
from cleanup.reports.tables import status_of
from cleanup.rules import document_type

#: Rows that the page holds.
MOST_ROWS = 5_000
#: Bytes that their texts may take together, so that long names cannot blow the page up.
MOST_TEXT = 500_000
#: Of a template's name in the table.
LONGEST_NAME = 80
_LONGEST_ID = 64
_ENDED = frozenset(ENDED_BY.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry as the table shows it. Times are seconds since 1970; None: there is none."""

    id: str
    status: str
    rule: str
    action: str
    template: int | None
    kind: str
    document_id: str
    started: int | None
    started_by: int | None
    ended: int | None
    note: str


@dataclass(slots=True)
class Gathered:
    total: int = 0
    #: Entries by status, for each template id and for each document type ("" where there is none).
    templates: dict[int | None, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    #: By whole hours of age.
    ages: Counter[int] = field(default_factory=Counter)
    without_age: int = 0
    #: How many we ended, by the moment in seconds since 1970.
    ended: Counter[float] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    #: Bytes so far, and the notes that are counted in them.
    _text: int = 0
    _notes: set[str] = field(default_factory=set)

    def add(self, entry: Entry, ended_at: str, now: datetime) -> None:
        row = _row(entry, ended_at)
        self.total += 1
        if len(self.rows) < MOST_ROWS and self._text < MOST_TEXT:
            self._keep(row)
        self.templates[row.template][row.status] += 1
        self.kinds[row.kind][row.status] += 1
        self._add_age(entry.instance.started, now)
        if entry.state in _ENDED and ended_at:
            self.ended[datetime.fromisoformat(ended_at).timestamp()] += 1

    def _keep(self, row: Row) -> None:
        """A note and a template's name are told once, however many rows have it."""
        self.rows.append(row)
        self._text += len(row.id.encode()) + len(row.document_id.encode())
        self._text += 2 * LONGEST_NAME if row.template not in self.templates else 0
        self._text += len(row.note.encode()) if row.note not in self._notes else 0
        self._notes.add(row.note)

    def _add_age(self, started: datetime | None, now: datetime) -> None:
        if started is None:
            self.without_age += 1
        else:
            self.ages[max(0, int((now - started).total_seconds() // 3600))] += 1


def gather(journal: Journal) -> Gathered:
    gathered, now = Gathered(), datetime.fromisoformat(journal.head().now)
    for entry, _, ended_at in journal.entries():
        gathered.add(entry, ended_at, now)
    return gathered


def _row(entry: Entry, ended_at: str) -> Row:
    instance = entry.instance
    return Row(
        id=shown(entry.id, _LONGEST_ID),
        status=status_of(entry.state),
        rule=entry.rule,
        action=entry.action.value,
        template=instance.template_id,
        kind=document_type(instance) or "",
        document_id=shown(instance.document_id or "", _LONGEST_ID),
        started=None if instance.started is None else int(instance.started.timestamp()),
        started_by=instance.started_by,
        ended=int(datetime.fromisoformat(ended_at).timestamp()) if ended_at else None,
        note=shown(entry.error or entry.reason),
    )
