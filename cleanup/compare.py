"""One plan against another: what is newly selected, no longer selected, or selected otherwise."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cleanup.model import Entry


@dataclass(frozen=True, slots=True)
class Move:
    """An entry that both plans select, by different rules or actions."""

    id: str
    old: str
    new: str


@dataclass(slots=True)
class Difference:
    same: int = 0
    new: list[Entry] = field(default_factory=list)
    no_longer: list[Entry] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)


def compare(old: Iterable[Entry], new: Iterable[Entry]) -> Difference:
    """Both in ID order, as a journal gives them; only what differs is kept."""
    found, olds = Difference(), iter(old)
    left = next(olds, None)
    for entry in new:
        while left is not None and left.id < entry.id:
            found.no_longer.append(left)
            left = next(olds, None)
        if left is None or left.id != entry.id:
            found.new.append(entry)
            continue
        _both(found, left, entry)
        left = next(olds, None)
    if left is not None:
        found.no_longer += [left, *olds]
    return found


def _both(found: Difference, old: Entry, new: Entry) -> None:
    if (old.rule, old.action) == (new.rule, new.action):
        found.same += 1
    else:
        found.moved.append(Move(new.id, f"{old.rule}: {old.action}", f"{new.rule}: {new.action}"))
