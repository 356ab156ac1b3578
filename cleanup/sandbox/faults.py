"""How single requests go wrong, and what a fault that was drawn does to the request that it befalls."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """How a request fails although nothing is wrong with it (PORTAL.md 4). Its answer is lost, late or in pieces."""

    DROP_BEFORE = "drop_before"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    DROP_AFTER = "drop_after"
    BAD_GATEWAY_AFTER = "bad_gateway_after"
    TIMEOUT_AFTER = "timeout_after"
    #: 504, as at the time limit, and 500 without a body: both after a part of the work.
    CUT = "cut"
    EMPTY_500 = "empty_500"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    HTML = "html"
    #: The body comes in drops.
    SLOW_BODY = "slow_body"
    #: Some commands of a batch are in none of its maps: executed all the same, or skipped.
    MISSING_KEYS = "missing_keys"
    SKIPPED_COMMANDS = "skipped_commands"

    @property
    def before(self) -> bool:
        """Whether nothing of the request is executed."""
        return self in {Fault.DROP_BEFORE, Fault.BAD_GATEWAY, Fault.UNAVAILABLE}


class Refusal(StrEnum):
    """How the portal refuses out of the blue (PORTAL.md 4). Nothing of what was refused is executed."""

    #: 503: other clients behind the same address have filled the bucket.
    QUERY_LIMIT = "query_limit"
    #: 429 for the whole request, and in a batch from one of the sub-calls on.
    OPERATION_LIMIT = "operation_limit"
    OPERATION_LIMIT_CALLS = "operation_limit_calls"
    OVERLOAD = "overload"


Trouble = Fault | Refusal


def trouble(name: str) -> Trouble:
    """Raises ValueError for a name that there is not."""
    if name not in _TROUBLES:
        raise ValueError(f"{name!r} is not a valid trouble; there are {', '.join(_TROUBLES)}")
    return _TROUBLES[name]


_TROUBLES: dict[str, Trouble] = {one.value: one for one in (*Fault, *Refusal)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """What befalls one request. Commands are counted from 0; a single call is the only command of its request."""

    trouble: Trouble | None = None
    #: The command at which the request ends without an answer of its own. None: it comes to its end.
    stops_at: int | None = None
    #: The command from which on the load limiter refuses.
    limited_from: int | None = None
    unanswered: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()


NOTHING = Mishap()


def mishap(drawn: Trouble, commands: int, random: Random) -> Mishap:
    """The details of a trouble, from the given dice."""
    make = _DETAILS.get(drawn)
    return make(commands, random) if make else Mishap(trouble=drawn)


def _some(commands: int, random: Random) -> frozenset[int]:
    """About a quarter of the commands, at least one."""
    return frozenset(random.sample(range(commands), -(-commands // 4)))


_DETAILS: dict[Trouble, Callable[[int, Random], Mishap]] = {
    Fault.CUT: lambda count, random: Mishap(trouble=Fault.CUT, stops_at=random.randrange(count)),
    Fault.EMPTY_500: lambda count, random: Mishap(trouble=Fault.EMPTY_500, stops_at=random.randrange(count)),
    Fault.MISSING_KEYS: lambda count, random: Mishap(trouble=Fault.MISSING_KEYS, unanswered=_some(count, random)),
    Fault.SKIPPED_COMMANDS: lambda count, random: Mishap(trouble=Fault.SKIPPED_COMMANDS, skipped=_some(count, random)),
    Refusal.OPERATION_LIMIT_CALLS: lambda count, random: Mishap(
        trouble=Refusal.OPERATION_LIMIT_CALLS, limited_from=random.randrange(count)
    ),
}
