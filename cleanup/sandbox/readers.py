"""The values of switches as they come in JSON. Each raises TypeError, AttributeError, KeyError or ValueError."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.faults import Fault, Trouble, trouble


class Event(StrEnum):
    """What happens to instances by itself."""

    #: It comes to its end.
    ENDS = "ends"
    #: It makes a step: MODIFIED becomes now.
    CHANGES = "changes"
    #: It begins to execute: it is locked from now on.
    LOCKS = "locks"
    #: A new one starts.
    APPEARS = "appears"


class Standing(StrEnum):
    """How the application stands with the token server. The portal itself goes by the access token until it expires."""

    INSTALLED = "installed"
    NOT_INSTALLED = "not_installed"
    WRONG_CLIENT = "wrong_client"
    PAYMENT_REQUIRED = "payment_required"
    #: The user's access was taken away: the refresh token is worth nothing any more.
    REVOKED = "revoked"


def rates(value: Mapping[str, float]) -> dict[Trouble, float]:
    return {trouble(name): float(rate) for name, rate in value.items()}


def counts(value: Mapping[str, int]) -> dict[Trouble, int]:
    return {trouble(name): int(count) for name, count in value.items()}


def faults(value: Mapping[str, int]) -> dict[Fault, int]:
    return {Fault(name): int(count) for name, count in value.items()}


def life(value: Mapping[str, float]) -> dict[str, float]:
    return {Event(name).value: float(rate) for name, rate in value.items()}


def links(value: Mapping[str, str]) -> dict[str, str]:
    return {str(child): str(parent) for child, parent in value.items()}


def switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def texts(value: Iterable[str]) -> list[str]:
    if isinstance(value, str):
        raise TypeError("a list is needed")
    return [str(item) for item in value]


def address(value: object) -> str | None:
    return None if value is None else str(value)


def refusal(value: Mapping[str, str | int] | None) -> RestError | None:
    """`{"error": code, "error_description": text, "status": 403}`"""
    if value is None:
        return None
    return RestError(str(value["error"]), str(value["error_description"]), int(value["status"]))
