"""What can go wrong while the sandbox runs: faults, drawn at random or ordered, and switches. All of it may change."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random
from typing import Any

from cleanup.sandbox.settings import Settings


class Fault(StrEnum):
    """How a request fails although nothing is wrong with it (PORTAL.md 4)."""

    DROP_BEFORE = "drop_before"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    DROP_AFTER = "drop_after"
    TIMEOUT_AFTER = "timeout_after"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    HTML = "html"

    @property
    def before(self) -> bool:
        """Whether nothing of the request is executed."""
        return self in {Fault.DROP_BEFORE, Fault.BAD_GATEWAY, Fault.UNAVAILABLE}


class Faults:
    """The faults and switches of a running sandbox."""

    def __init__(self, settings: Settings) -> None:
        #: The chance of each fault, for every request of the portal's methods.
        self.rates: dict[Fault, float] = {Fault(name): rate for name, rate in settings.faults.items()}
        #: How many of the next requests that contain kills or terminates fail so; they go before the rates.
        self.next_kills: dict[Fault, int] = {}
        self._random = Random(settings.fault_seed)
        #: False: wrong, disabled or expired webhook.
        self.webhook = True
        self.administrator = settings.administrator
        self.scopes: tuple[str, ...] = settings.scopes
        #: False: the plan has no business processes.
        self.bizproc = settings.bizproc
        #: The portal's block because of overload; the sources do not agree about its status (PORTAL.md 4).
        self.overload = False
        self.overload_status = 503
        #: The base URL that the portal moved to, as with a rename.
        self.redirect: str | None = None
        #: Instances whose kill is refused with an error, and whose kill breaks the request.
        self.poison: set[str] = set()
        self.crash: set[str] = set()

    def draw(self, *, kills: bool) -> Fault | None:
        """The fault of one request. Every rate is drawn for, so that the sequence depends on the seed alone."""
        if kills:
            for fault, left in self.next_kills.items():
                if left > 0:
                    self.next_kills[fault] = left - 1
                    return Fault(fault)
        drawn = [fault for fault, rate in self.rates.items() if self._random.random() < rate]
        return Fault(drawn[0]) if drawn else None

    def change(self, changes: object) -> None:
        """Set what the map names, all or nothing. Raises ValueError for names and values that make no sense."""
        if not isinstance(changes, dict):
            raise ValueError("a map of switches is needed")  # noqa: TRY004 - it comes from a request's body
        checked = [(name, self._checked(name, value)) for name, value in changes.items()]
        for name, value in checked:
            if name == "seed":
                self._random.seed(value)
            else:
                setattr(self, name, value)

    def _checked(self, name: str, value: Any) -> Any:
        if name not in _READERS:
            raise ValueError(f"unknown switch {name!r}; there are {', '.join(sorted(_READERS))}")
        try:
            return _READERS[name](value)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"{name}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        return {
            "rates": dict(self.rates),
            "next_kills": dict(self.next_kills),
            "webhook": self.webhook,
            "administrator": self.administrator,
            "scopes": list(self.scopes),
            "bizproc": self.bizproc,
            "overload": self.overload,
            "overload_status": self.overload_status,
            "redirect": self.redirect,
            "poison": sorted(self.poison),
            "crash": sorted(self.crash),
        }


def _rates(value: Mapping[str, float]) -> dict[Fault, float]:
    return {Fault(name): float(rate) for name, rate in value.items()}


def _counts(value: Mapping[str, int]) -> dict[Fault, int]:
    return {Fault(name): int(count) for name, count in value.items()}


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def _texts(value: Iterable[str]) -> list[str]:
    if isinstance(value, str):
        raise TypeError("a list is needed")
    return [str(item) for item in value]


def _address(value: object) -> str | None:
    return None if value is None else str(value)


_READERS: Mapping[str, Any] = {
    "rates": _rates,
    "next_kills": _counts,
    "seed": int,
    "webhook": _switch,
    "administrator": _switch,
    "scopes": lambda value: tuple(_texts(value)),
    "bizproc": _switch,
    "overload": _switch,
    "overload_status": int,
    "redirect": _address,
    "poison": lambda value: set(_texts(value)),
    "crash": lambda value: set(_texts(value)),
}
