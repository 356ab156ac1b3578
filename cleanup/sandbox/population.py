"""The instances that a sandbox starts with, made from a seed: the same seed, count and moment give the same rows."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random

from cleanup.sandbox.catalogue import DELETED, DOCUMENTS, Document, templates
from cleanup.sandbox.rows import Row
from cleanup.sandbox.settings import Choice
from cleanup.sandbox.world import AUTOMATION, World

_MINUTE, _DAY = 60, 86_400
_OLDEST = 6 * 365 * _DAY
_LOG_MINUTE, _LOG_OLDEST = math.log(_MINUTE), math.log(_OLDEST)
_LOCK = 300

#: Shares of the odd ones.
_LOCKED, _HUNG, _ZOMBIE, _NO_START, _EARLY_ID = 0.01, 0.02, 0.003, 0.005, 0.03
_NO_STARTER, _UNKNOWN_STARTER = 0.02, 0.08

Way = tuple[int, Document]


def make_world(*, seed: int, count: int, now: int) -> World:
    return World(list(make_rows(seed=seed, count=count, now=now)), templates(now))


def make_rows(*, seed: int, count: int, now: int) -> Iterator[Row]:
    random = Random(seed)
    ways, weights = _ways(random)
    seen: set[str] = set()
    for template, document in random.choices(ways, cum_weights=list(accumulate(weights)), k=count):
        row = _row(random, template, document, now)
        while row.id in seen:
            row = _row(random, template, document, now)
        seen.add(row.id)
        yield row


def newborn(random: Random, now: int) -> Row:
    """An instance that starts just now, of any listed template."""
    document = random.choice(DOCUMENTS)
    listed = [one for one in templates(0) if one.auto_execute < AUTOMATION and one[1:4] == _kind(document)]
    instance = _id(random, now)
    name = document.pattern.format(n=random.randrange(1, 99_999), workflow=instance)
    kind = (document.module, document.entity, name)
    return Row(instance, now, None, *kind, now, _starter(random), random.choice(listed).id)


def families(count: float, ids: Sequence[str], random: Random) -> dict[str, str]:
    """So many pairs, or such a share of all: by child, the older instance that waits for it."""
    pairs = min(round(count if isinstance(count, int) else count * len(ids) / 2), len(ids) // 2)
    members = random.sample(ids, 2 * pairs)
    couples = (sorted(members[at : at + 2]) for at in range(0, 2 * pairs, 2))
    return {child: parent for parent, child in couples}


def choose(choice: Choice, ids: Sequence[str], random: Random) -> set[str]:
    """A number of ids, a share of them, or the given ones."""
    if isinstance(choice, int):
        return set(random.sample(ids, min(choice, len(ids))))
    if isinstance(choice, float):
        return set(random.sample(ids, round(choice * len(ids))))
    return set(choice)


def _ways(random: Random) -> tuple[list[Way], list[float]]:
    """Every way to start an instance: a template with its document, some of them deleted, with weights."""
    place = {_kind(document): document for document in DOCUMENTS}
    ways = [(template.id, place[template[1:4]]) for template in templates(0)]
    ways += list(zip(DELETED, DOCUMENTS, strict=True))
    return ways, [document.weight * random.paretovariate(1.2) for _, document in ways]


def _kind(document: Document) -> tuple[str, str, str]:
    return document.module, document.entity, document.type


def _row(random: Random, template: int, document: Document, now: int) -> Row:
    odd = random.random()
    started = now - _age(random)
    instance = _id(random, started)
    if odd < _ZOMBIE:
        return Row(instance, started, None, "", "", "", started, 0, 0)
    modified, owned_until = _saved(random, odd - _ZOMBIE, started, now)
    shown = None if random.random() < _NO_START else started
    name = document.pattern.format(n=1 + _below(random, 99_998), workflow=instance)
    return Row(
        instance, modified, owned_until, document.module, document.entity, name, shown, _starter(random), template
    )


def _age(random: Random) -> int:
    """A minute to six years: half of them spread over the years, half crowded towards today."""
    if random.random() < 0.5:
        return int(_DAY + random.random() * (_OLDEST - _DAY))
    return int(math.exp(random.uniform(_LOG_MINUTE, _LOG_OLDEST)))


def _saved(random: Random, odd: float, started: int, now: int) -> tuple[int, int | None]:
    """When it was last saved, and until when it is held: now + 300 s while it executes, long past if it hung."""
    if odd < _LOCKED:
        modified = now - _below(random, min(240, now - started))
        return modified, modified + _LOCK
    modified = started + int(random.random() ** 3 * (now - started))
    if odd < _LOCKED + _HUNG and now - started > 2 * _DAY:
        modified = min(modified, now - _DAY)
        return modified, modified + _LOCK
    return modified, None


def _starter(random: Random) -> int | None:
    odd = random.random()
    if odd < _NO_STARTER:
        return None
    return 0 if odd < _NO_STARTER + _UNKNOWN_STARTER else 1 + _below(random, 119)


def _id(random: Random, started: int) -> str:
    """PHP's uniqid with entropy, made at the start, or some time before it (PORTAL.md 6)."""
    made = started - _below(random, _DAY) if random.random() < _EARLY_ID else started
    whole, fraction = divmod(_below(random, 10 * 10**8), 10**8)
    return f"{made:08x}{_below(random, 10**6):05x}{whole}.{fraction:08}"


def _below(random: Random, bound: int) -> int:
    """The number that `random.randrange(bound)` gives, in half its time: a large population takes millions of them."""
    bits = bound.bit_length()
    number = random.getrandbits(bits)
    while number >= bound:
        number = random.getrandbits(bits)
    return number
