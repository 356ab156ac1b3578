"""Asks the portal again about everything that a run calls ended: what is still there survived."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from cleanup.journal import Journal
from cleanup.model import State
from cleanup.portal.client import LOOK_UP_LIMIT, Reader

_ENDED = frozenset({State.KILLED, State.TERMINATED, State.GONE})


@dataclass(frozen=True, slots=True)
class Survivors:
    asked: int
    #: IDs that the portal still lists, or lists again.
    survived: tuple[str, ...]


async def survivors(journal: Journal, reader: Reader) -> Survivors:
    """One request for every 2,500 ended entries."""
    ended = (entry.id for entry, _, _ in journal.entries() if entry.state in _ENDED)
    asked, survived = 0, list[str]()
    for ids in _stretches(ended):
        asked += len(ids)
        survived += sorted(await reader.look_up(ids))
    return Survivors(asked, tuple(survived))


def _stretches(ids: Iterable[str]) -> Iterator[list[str]]:
    source = iter(ids)
    while stretch := list(islice(source, LOOK_UP_LIMIT)):
        yield stretch
