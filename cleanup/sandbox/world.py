"""The running instances: in memory, found by ID, walked in the order of their IDs without scanning."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from random import Random
from types import MappingProxyType
from typing import Any

from cleanup.sandbox.filters import Filter
from cleanup.sandbox.rows import Row, Template


class World:
    """All rows of the portal. Removed ones leave a gap in the index, which is closed now and then."""

    def __init__(
        self,
        rows: Sequence[Row],
        templates: Sequence[Template],
        hidden: Mapping[str, frozenset[str]] = MappingProxyType({}),
    ) -> None:
        #: The rows at the beginning, in the order of their IDs.
        self.population = tuple(sorted(rows, key=itemgetter(0)))
        self.templates = tuple(templates)
        #: By instance: the columns that lists leave out, since their values were unreadable where the copy was made.
        self.hidden = hidden
        self._rows = {row.id: row for row in self.population}
        self._ids = list(self._rows)

    def __repr__(self) -> str:
        return f"<World {len(self._rows)} of {len(self.population)} instances>"

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, instance: str) -> bool:
        return instance in self._rows

    @property
    def alive(self) -> list[Row]:
        """The rows that now exist, in the order of their IDs."""
        return [self._rows[instance] for instance in self._ids if instance in self._rows]

    def get(self, instance: str) -> Row | None:
        return self._rows.get(instance)

    def put(self, row: Row) -> None:
        """Start an instance, or replace the row with the same ID."""
        if row.id not in self._rows:
            self._close_gaps()
            insort(self._ids, row.id)
        self._rows[row.id] = row

    def remove(self, instance: str) -> Row | None:
        """End an instance, and give its last row. None: there is none."""
        row = self._rows.pop(instance, None)
        if row is not None and len(self._ids) - len(self._rows) > max(2048, len(self._rows) // 64):
            self._close_gaps()
        return row

    def pick(self, random: Random) -> Row | None:
        """Any row. None: there is none."""
        if not self._rows:
            return None
        while (row := self._rows.get(self._ids[random.randrange(len(self._ids))])) is None:
            pass  # a gap
        return row

    def _close_gaps(self) -> None:
        if len(self._ids) != len(self._rows):
            self._ids = [instance for instance in self._ids if instance in self._rows]

    def rows(self, narrowed: Filter, *, descending: bool) -> Iterator[Row]:
        """The rows within the filter's bounds on ID. Nothing may end while the iterator is in use."""
        for instance in self._candidates(narrowed, descending=descending):
            row = self._rows.get(instance)
            if row is not None:
                yield row

    def _candidates(self, narrowed: Filter, *, descending: bool) -> Iterator[str]:
        if narrowed.ids is not None:
            return iter(sorted(narrowed.ids, reverse=descending))
        low = 0 if narrowed.lowest is None else bisect_left(self._ids, narrowed.lowest)
        high = len(self._ids) if narrowed.highest is None else bisect_right(self._ids, narrowed.highest)
        places = range(high - 1, low - 1, -1) if descending else range(low, high)
        return map(self._ids.__getitem__, places)


class Templates:
    """The templates that the list method can see, by their AUTO_EXECUTE (PORTAL.md 8)."""

    def __init__(self, templates: Sequence[Template], *, hides_above: bool) -> None:
        self._listed = sorted(
            template
            for template in templates
            if template.auto_execute != AUTOMATION and not (hides_above and template.auto_execute > AUTOMATION)
        )

    def __len__(self) -> int:
        return len(self._listed)

    def rows(self, _narrowed: Filter, *, descending: bool) -> Iterator[Sequence[Any]]:
        return reversed(self._listed) if descending else iter(self._listed)


#: AUTO_EXECUTE of a robot's template; higher ones are manual starts, scripts, debugging, triggers.
AUTOMATION = 8
