"""What an application may log in with: whose it is, its secrets, and where portal and token server are. No I/O here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from urllib.parse import urljoin, urlsplit

from cleanup.portal.authorization import is_loopback
from cleanup.portal.wire import Json

#: PORTAL.md 10: the token server of portals in these domains; the other one is for all the rest.
_EAST = frozenset({"ru", "by", "kz", "am", "az", "ge", "kg", "uz"})
_SERVERS = {True: "https://oauth.bitrix24.tech/rest/", False: "https://oauth.bitrix.info/rest/"}
#: Nothing longer is a token, or an address of ours.
_MOST = 2048


class CredentialsError(Exception):
    """A text for a person, which holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The content of a credentials file. Its repr shows no secret."""

    #: The portal's identity, as the administrator named it at the login.
    portal: str
    #: The portal's identity to the token server: it stays when the portal is renamed.
    member_id: str
    client_id: str
    client_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    #: The base of all calls, as the token server gave it last.
    client_endpoint: str
    #: The token server's REST, as it gave it last.
    server_endpoint: str
    #: Chosen by the administrator; "": it follows from server_endpoint.
    token_endpoint: str = ""

    @property
    def token_address(self) -> str:
        return self.token_endpoint or token_address_of(self.server_endpoint)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.client_secret, self.access_token, self.refresh_token)

    def renewed(self, answer: Mapping[str, Json]) -> "Credentials":
        """With what the token server answered. Raises CredentialsError, also for the tokens of another portal."""
        given = {name: str(answer.get(name) or "") for name in ("access_token", "refresh_token", "member_id")}
        if given["member_id"] != self.member_id:
            raise CredentialsError(
                f"the token server answered for another portal: member_id {given['member_id'][:64]!r} is not "
                f"{self.member_id!r}"
            )
        endpoints = {
            name: str(answer.get(name) or getattr(self, name)) for name in ("client_endpoint", "server_endpoint")
        }
        return checked(replace(self, **given, **endpoints))


_OPTIONAL = {"token_endpoint"}


def server_of(portal: str) -> str:
    """The token server's REST for a portal of which no answer is known."""
    if is_loopback(urlsplit(f"//{portal}").hostname or ""):
        return f"http://{portal}/rest/"
    return _SERVERS[portal.partition(":")[0].rpartition(".")[2] in _EAST]


def token_address_of(server_endpoint: str) -> str:
    return urljoin(server_endpoint, "/oauth/token/")


def to_text(credentials: Credentials) -> str:
    return json.dumps({part.name: getattr(credentials, part.name) for part in fields(credentials)}, indent=2) + "\n"


def from_text(text: str) -> Credentials:
    """Raises CredentialsError."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise CredentialsError("it is not JSON") from None
    if not isinstance(read, dict):
        raise CredentialsError("it is not a JSON object")
    names = [part.name for part in fields(Credentials)]
    missing = [name for name in names if name not in read and name not in _OPTIONAL]
    if missing:
        raise CredentialsError(f"it lacks {', '.join(missing)}")
    return checked(Credentials(**{name: read[name] for name in names if name in read}))


def checked(credentials: Credentials) -> Credentials:
    """The same. Raises CredentialsError for what is no text, empty, or leads where secrets must not go."""
    for part in fields(credentials):
        value = getattr(credentials, part.name)
        if not isinstance(value, str) or len(value) > _MOST or not value.isprintable():
            raise CredentialsError(f"its {part.name} is no text of one line")
        if not value and part.name not in _OPTIONAL:
            raise CredentialsError(f"its {part.name} is empty")
    inside = is_loopback(urlsplit(f"//{credentials.portal}").hostname or "")
    _require_address("client_endpoint", credentials.client_endpoint, inside=inside)
    _require_address("server_endpoint", credentials.server_endpoint, inside=inside)
    if credentials.token_endpoint:
        _require_address("token_endpoint", credentials.token_endpoint, inside=inside)
    return credentials


def _require_address(name: str, address: str, *, inside: bool) -> None:
    """`inside`: the portal is on this machine; a rehearsal must not lead out of it, nor a real portal into it."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise CredentialsError(f"its {name} is no address") from None
    if not host or parts.username or parts.password or parts.query or parts.fragment or not parts.path.endswith("/"):
        raise CredentialsError(f"its {name} is not https://host/path/")
    if inside and not is_loopback(host):
        raise CredentialsError(f"its {name} leads to {host}, away from this machine, where the portal is")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise CredentialsError(f"its {name} at {host} is not https: the secret would travel readable")
