"""The incoming webhook: where it comes from, what its parts are, and how its secret is kept out of every text."""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from cleanup import private_file
from cleanup.errors import UsageError

_SHAPE = re.compile(r"/rest/(?P<user>\d+)/(?P<secret>[^/\s]+)/?")
_HINT = "It looks like https://your.bitrix24.ru/rest/1/xxxxxxxxxxxxxxxx/ (Developer resources → Inbound webhook)."
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
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
        host.encode("idna")
    except ValueError:  # UnicodeError is one
        raise UsageError(f"The webhook is not an address. {_HINT}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"The webhook must begin with https:// and a host. {_HINT}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(f"The webhook must hold nothing but scheme, host and path. {_HINT}")
    match = _SHAPE.fullmatch(parts.path)
    if match is None:
        raise UsageError(f"The webhook of {host} lacks /rest/<user>/<secret>/, or has more behind it. {_HINT}")
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(f"The webhook of {host} is plain http: the secret would travel readable. Use https://.")
    default_port = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    portal = name if default_port else f"{name}:{port}"
    return Webhook(parts.scheme, portal, match["user"], match["secret"])


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name or number; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find(webhook_file: Path | None) -> Webhook:
    """The webhook from `--webhook-file`, B24_WEBHOOK_FILE or B24_WEBHOOK_URL, in this order. Raises UsageError."""
    named = webhook_file or (Path(os.environ["B24_WEBHOOK_FILE"]) if os.environ.get("B24_WEBHOOK_FILE") else None)
    if named is not None:
        return parse(private_file.read(named, "webhook file"))
    if address := os.environ.get("B24_WEBHOOK_URL"):
        return parse(address)
    raise UsageError(f"No webhook: set B24_WEBHOOK_URL, or name a file by --webhook-file or B24_WEBHOOK_FILE. {_HINT}")


def source(webhook_file: Path | None) -> str:
    """Where `find` takes it from, for a person."""
    file = webhook_file or os.environ.get("B24_WEBHOOK_FILE")
    return f"the file {file}" if file else "B24_WEBHOOK_URL"


def is_given(webhook_file: Path | None) -> bool:
    """Whether `find` has something to look at."""
    return webhook_file is not None or any(map(os.environ.get, ("B24_WEBHOOK_FILE", "B24_WEBHOOK_URL")))
