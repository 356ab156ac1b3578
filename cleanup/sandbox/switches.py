"""Everything that can be changed while the sandbox runs: rates of faults, switches, bad rows, what happens later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, TypeVar

from cleanup.sandbox import readers
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.faults import NOTHING, Fault, Mishap, Trouble, mishap, trouble
from cleanup.sandbox.settings import Settings

_T = TypeVar("_T", bound=Trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Switches that change by themselves once so many requests came, or so many instances were ended by calls."""

    change: Mapping[str, Any]
    requests: int | None = None
    kills: int | None = None

    def due(self, requests: int, kills: int) -> bool:
        by_requests = self.requests is not None and requests >= self.requests
        return by_requests or (self.kills is not None and kills >= self.kills)


class Faults:
    """The faults and switches of a running sandbox."""

    def __init__(self, settings: Settings) -> None:
        #: The chance of each trouble, for every request of the portal's methods.
        self.rates: dict[Trouble, float] = {trouble(name): rate for name, rate in settings.faults.items()}
        #: How many of the next requests fail so, and of the next that contain kills or terminates. Before the rates.
        self.next_requests: dict[Trouble, int] = {}
        self.next_kills: dict[Trouble, int] = {}
        #: And of the next questions to the token server.
        self.next_tokens: dict[Fault, int] = {}
        self.seed = settings.fault_seed
        #: False: wrong, disabled or expired webhook; expired access token of an application.
        self.webhook = True
        self.token = True
        #: What the token server says of the application, of whose portal it gives tokens, and where that is ("": here).
        self.application = readers.Standing.INSTALLED
        self.member = "5a1d0b0c9e5f4d3a8b7c6d5e4f3a2b1c"
        self.endpoint = ""
        #: True: the refresh token that was used last still works, as after an answer that never arrived.
        self.old_refresh = False
        self.administrator = settings.administrator
        self.scopes: tuple[str, ...] = settings.scopes
        #: False: the plan has no business processes.
        self.bizproc = settings.bizproc
        #: The portal's block because of overload; the sources do not agree about its status (PORTAL.md 4).
        self.overload = False
        self.overload_status = 503
        #: Any other error of PORTAL.md 4 that every call is refused with.
        self.refusal: RestError | None = None
        #: Where the portal moved to: a base URL, or a host name that leads to this server.
        self.redirect: str | None = None
        #: Requests a second that another client behind the same address puts into the bucket.
        self.neighbour = settings.neighbour
        #: Seconds that the portal's clock is ahead of the true one.
        self.clock_skew = settings.clock_skew
        #: Seconds over which a slow body comes.
        self.slow_seconds = settings.slow_seconds
        #: Instances whose kill is refused with an error, breaks the request, or is refused with an error and done.
        self.poison: set[str] = set()
        self.crash: set[str] = set()
        self.vanishing: set[str] = set()
        #: The chance that one that was ended comes back as a zombie, whatever its lock and the generation.
        self.zombies = settings.zombies
        #: By child: the instance that waits for its end. And the chance that this one then ends, instead of going on.
        self.parents: dict[str, str] = {}
        self.parent_ends = settings.parent_ends
        #: How many of these happen to instances by themselves, on average before each request.
        self.life: dict[str, float] = readers.life(settings.life)
        self.later: list[Later] = _later([dict(event) for event in settings.later])
        self._reseed()

    def _reseed(self) -> None:
        self._random, self._details = Random(self.seed), Random(f"details {self.seed}")

    def draw(self, *, kills: bool, commands: int) -> Mishap:
        """What befalls one request. Every rate is drawn for, so that the sequence depends on the seed alone."""
        drawn = self._ordered(kills=kills) or self._drawn()
        return NOTHING if drawn is None else mishap(drawn, max(1, commands), self._details)

    def draw_for_tokens(self) -> Fault | None:
        """What befalls a question to the token server: only what was ordered."""
        return _next(self.next_tokens)

    def _ordered(self, *, kills: bool) -> Trouble | None:
        return (_next(self.next_kills) if kills else None) or _next(self.next_requests)

    def _drawn(self) -> Trouble | None:
        drawn = [name for name, rate in self.rates.items() if self._random.random() < rate]
        return trouble(drawn[0]) if drawn else None

    def reached(self, *, requests: int, kills: int) -> None:
        """So far came the portal: change what was to change by now."""
        for event in [event for event in self.later if event.due(requests, kills)]:
            self.later.remove(event)
            self.change(event.change)

    def change(self, changes: object) -> None:
        """Set what the map names, all or nothing. Raises ValueError for names and values that make no sense."""
        for name, value in _checked(changes):
            setattr(self, name, value)
            if name == "seed":
                self._reseed()

    def to_json(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in _READERS}


def _next(orders: dict[_T, int]) -> _T | None:
    """The first that is left, which is used up by one."""
    for name, left in orders.items():
        if left > 0:
            orders[name] = left - 1
            return name
    return None


def _checked(changes: object) -> list[tuple[str, Any]]:
    if not isinstance(changes, Mapping):
        raise ValueError("a map of switches is needed")  # noqa: TRY004 - it comes from a request's body
    return [(name, _value(name, value)) for name, value in changes.items()]


def _value(name: str, value: Any) -> Any:
    if name not in _READERS:
        raise ValueError(f"unknown switch {name!r}; there are {', '.join(sorted(_READERS))}")
    try:
        return _READERS[name](value)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{name}: {error}") from error


def _later(value: Any) -> list[Later]:
    """`[{"kills": 100, "change": {"administrator": false}}]`; the changes are checked now, not when it is too late."""
    events = [Later(**event) for event in value]
    for event in events:
        _checked(event.change)
    return events


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, RestError):
        return {**value.answer(), "status": value.status}
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, list):
        return [asdict(event) for event in value]
    return list(value) if isinstance(value, tuple) else value


_READERS: Mapping[str, Any] = {
    "rates": readers.rates,
    "next_requests": readers.counts,
    "next_kills": readers.counts,
    "next_tokens": readers.faults,
    "seed": int,
    "webhook": readers.switch,
    "token": readers.switch,
    "application": readers.Standing,
    "member": str,
    "endpoint": str,
    "old_refresh": readers.switch,
    "administrator": readers.switch,
    "scopes": lambda value: tuple(readers.texts(value)),
    "bizproc": readers.switch,
    "overload": readers.switch,
    "overload_status": int,
    "refusal": readers.refusal,
    "redirect": readers.address,
    "neighbour": float,
    "clock_skew": float,
    "slow_seconds": float,
    "poison": lambda value: set(readers.texts(value)),
    "crash": lambda value: set(readers.texts(value)),
    "vanishing": lambda value: set(readers.texts(value)),
    "zombies": float,
    "parents": readers.links,
    "parent_ends": float,
    "life": readers.life,
    "later": _later,
}
