"""What a request needs to be let in: a webhook, or an application's tokens (OAuth 2.0)."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

_PORTS = {"http": 80, "https": 443}


class WayIn(StrEnum):
    """The two ways in. The word is the one that messages use."""

    WEBHOOK = "webhook"
    APPLICATION = "application"


class Authorization(Protocol):
    """Its texts, repr and str too, never show a secret."""

    @property
    def way(self) -> WayIn: ...

    @property
    def kind(self) -> str:
        """How we come in, for a person: “incoming webhook of user 1”."""

    @property
    def portal(self) -> str:
        """The portal's identity: its host, with the port where it is not the default."""

    @property
    def base(self) -> str:
        """Where the methods are: an address that ends with a slash."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What each request to the portal carries."""

    @property
    def is_loopback(self) -> bool:
        """Whether the portal is on this machine, by its very name or number."""

    @property
    def version(self) -> int:
        """Counts how often base and headers were replaced."""

    async def renew(self, refused: int, session: aiohttp.ClientSession) -> bool:
        """After the portal called version `refused` expired: whether there is a newer one now. Raises PortalError."""

    def redact(self, text: str) -> str:
        """The text without the secrets."""


def identity(address: str) -> str:
    """The identity of the portal at this address. Raises ValueError for what is no http address with a host."""
    parts = urlsplit(address)
    host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no http address")
    host.encode("idna")
    name = f"[{host}]" if ":" in host else host
    return name if port in {None, _PORTS[parts.scheme]} else f"{name}:{port}"


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name or number; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
