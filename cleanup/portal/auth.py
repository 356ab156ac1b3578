"""The incoming webhook: what its parts are, and how its secret is kept out of every text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from cleanup.errors import UsageError
from cleanup.portal.authorization import WayIn, identity, is_loopback

_SHAPE = re.compile(r"/rest/(?P<user>\d+)/(?P<secret>[^/\s]+)/?")
#: How a webhook's address looks, for a person.
HINT = "It looks like https://your.bitrix24.ru/rest/1/xxxxxxxxxxxxxxxx/ (Developer resources → Inbound webhook)."
_HIDDEN = "<secret>"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An incoming webhook's address. Its repr and str never show the secret."""

    scheme: str
    #: The portal's identity: its host, with the port where it is not the default.
    portal: str
    user: str
    secret: str = field(repr=False)

    @property
    def way(self) -> WayIn:
        return WayIn.WEBHOOK

    @property
    def kind(self) -> str:
        return f"incoming webhook of user {self.user}"

    @property
    def version(self) -> int:
        return 0

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    async def renew(self, _refused: int, _session: aiohttp.ClientSession) -> bool:
        """A webhook does not expire in this way."""
        return False

    @property
    def base(self) -> str:
        return f"{self.scheme}://{self.portal}/rest/{self.user}/{self.secret}/"

    @property
    def is_loopback(self) -> bool:
        """Whether the portal is on this machine, by its very name or number."""
        return is_loopback(urlsplit(self.base).hostname or "")

    def redact(self, text: str) -> str:
        """The text without the secret, as it stands in the address or decoded."""
        for form in self.secrets:
            text = text.replace(form, _HIDDEN)
        return text

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form in which the secret could be shown, the longest first."""
        forms = {self.secret, unquote(self.secret), quote(self.secret, safe=""), quote(unquote(self.secret), safe="")}
        return tuple(sorted(forms, key=len, reverse=True))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.portal}/rest/{self.user}/{_HIDDEN}/"


def parse(text: str) -> Webhook:
    """The webhook in `text`. Raises UsageError, whose message does not repeat the text: it may hold a secret."""
    address = text.strip()
    try:
        parts = urlsplit(address)
        host, _ = (parts.hostname or "").lower().rstrip("."), parts.port
        host.encode("idna")
    except ValueError:  # UnicodeError is one
        raise UsageError(f"The webhook is not an address. {HINT}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"The webhook must begin with https:// and a host. {HINT}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(f"The webhook must hold nothing but scheme, host and path. {HINT}")
    match = _SHAPE.fullmatch(parts.path)
    if match is None:
        raise UsageError(f"The webhook of {host} lacks /rest/<user>/<secret>/, or has more behind it. {HINT}")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"The webhook of {host} is plain http: the secret would travel readable. Use https://.")
    return Webhook(parts.scheme, identity(address), match["user"], match["secret"])
