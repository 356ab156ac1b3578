"""What a request needs to be let in: a webhook, or an application's tokens (OAuth 2.0)."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import aiohttp


class Way(StrEnum):
    """The two ways in. The word is the one that messages use."""

    WEBHOOK = "webhook"
    APPLICATION = "application"


class Authorization(Protocol):
    """Its texts, repr and str too, never show a secret."""

    @property
    def way(self) -> Way: ...

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


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name or number; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
