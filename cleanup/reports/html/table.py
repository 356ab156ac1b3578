"""The table of entries twice: the first rows as HTML for a page without JavaScript, and all of them as compact JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cleanup.reports.html import links
from cleanup.reports.html.gathering import LONGEST_NAME, Row
from cleanup.reports.html.shown import shown
from cleanup.reports.html.words import Words

#: Rows that a page without JavaScript shows.
MOST_PLAIN = 1_000
#: Statuses in the order of their urgency; the table sorts by it.
STATUSES = ("failed", "changed", "pending", "killed", "terminated", "already_gone")
_WORDS = ("filter.all", "rows.of", "rows.none", "rows.filtered", "unit.days", "unit.hours")


class Index:
    """Values that many rows share, each told once and named by its place."""

    def __init__(self) -> None:
        self._places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self._places.setdefault(value, len(self._places))

    @property
    def values(self) -> list[Any]:
        return list(self._places)


@dataclass(frozen=True, slots=True)
class PlainRow:
    """A row in words."""

    status: str
    status_name: str
    id: str
    rule: str
    template: str
    kind: str
    document: str
    link: str
    started: str
    age: str
    started_by: str
    ended: str
    note: str


class Table:
    """What the page's table is made of."""

    def __init__(self, rows: Sequence[Row], names: Mapping[int, str], *, portal: str, now: float, words: Words) -> None:
        self._rows, self._words, self._now = rows, words, now
        self._names = {identity: shown(name, LONGEST_NAME) for identity, name in names.items()}
        self._base = links.base(portal)
        self.has_ends = any(row.ended is not None for row in rows)
        self.has_notes = any(row.note for row in rows)

    def __len__(self) -> int:
        return len(self._rows)

    def template(self, identity: int | None, *, numbered: bool = True) -> str:
        """Its name; a number where it has none."""
        if identity in self._names:
            return self._names[identity]
        none = self._words.say("template.none")
        return none if identity is None or not numbered else f"{none} ({identity})"

    def plain(self) -> Iterator[PlainRow]:
        return map(self._plain, self._rows[:MOST_PLAIN])

    def _plain(self, row: Row) -> PlainRow:
        words = self._words
        path, number = links.path(row.kind), links.number(row.document_id)
        return PlainRow(
            status=row.status,
            status_name=words.say(f"status.{row.status}"),
            id=row.id,
            rule=shown(row.rule),
            template=self.template(row.template),
            kind=words.kind(row.kind),
            document=row.document_id,
            link=self._base + path.replace("%", number) if self._base and path and number else "",
            started="" if row.started is None else words.moment(row.started),
            age="" if row.started is None else words.age(max(0, int((self._now - row.started) // 3600))),
            started_by="" if row.started_by is None else str(row.started_by),
            ended="" if row.ended is None else words.moment(row.ended, fine=True),
            note=row.note,
        )

    def json(self) -> Markup:
        """For the page's script; no text in it can end the element that holds it."""
        text = json.dumps(self._payload(), ensure_ascii=False, separators=(",", ":"))
        for letter in "<>&\u2028\u2029":
            text = text.replace(letter, f"\\u{ord(letter):04x}")
        return Markup(text)  # noqa: S704 - escaped in the lines above

    def _payload(self) -> dict[str, Any]:
        rules, templates, kinds, notes = Index(), Index(), Index(), Index()
        notes.place("")
        rows = [
            [
                STATUSES.index(row.status),
                row.id,
                rules.place(row.rule),
                templates.place(row.template),
                kinds.place(row.kind),
                row.document_id,
                row.started,
                row.started_by,
                row.ended,
                notes.place(row.note),
            ]
            for row in self._rows
        ]
        return {
            "rows": rows,
            "statuses": [[name, self._words.say(f"status.{name}")] for name in STATUSES],
            "rules": [shown(rule) for rule in rules.values],
            "templates": [self.template(template) for template in templates.values],
            "types": [[self._words.kind(kind), links.path(kind)] for kind in kinds.values],
            "notes": notes.values,
            "base": self._base,
            "now": int(self._now),
            "offset": self._words.offset(),
            "language": self._words.language,
            "words": {key: self._words.say(key) for key in _WORDS},
        }
