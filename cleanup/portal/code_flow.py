"""The login of an application, without any I/O: the address for the browser, and what comes back from it.

PORTAL.md 10; settings/oauth/index.md of the vendor's documentation: the address that is come back to stands in the
application's card, not in the question, and what the portal refuses it tells the user on its own page.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from cleanup.errors import SafetyStop, UsageError
from cleanup.portal.authorization import identity, is_loopback
from cleanup.portal.credentials import Credentials, CredentialsError, checked, server_of, token_address_of
from cleanup.portal.wire import Json

_PORTAL = "The portal is named by its host, such as acme.bitrix24.ru."


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One login that is under way. Its repr shows no secret."""

    scheme: str
    #: The portal's identity.
    portal: str
    client_id: str
    client_secret: str = field(repr=False)
    #: Chosen by the administrator; "": it follows from the portal's domain.
    token_endpoint: str = ""
    #: Comes back with the code, so that it is the answer to this question and to no other.
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def is_loopback(self) -> bool:
        return is_loopback(urlsplit(f"//{self.portal}").hostname or "")

    @property
    def address(self) -> str:
        """To be opened in a browser by an administrator of the portal."""
        asked = {"client_id": self.client_id, "state": self.state}
        return f"{self.scheme}://{self.portal}/oauth/authorize/?{urlencode(asked)}"

    @property
    def token_address(self) -> str:
        return self.token_endpoint or token_address_of(server_of(self.portal))

    def require_usable(self) -> None:
        """Before a secret is sent anywhere. Raises UsageError."""
        placeholders = dict.fromkeys(("member_id", "access_token", "refresh_token"), "?")
        try:
            self._checked({**placeholders, "client_endpoint": f"{self.scheme}://{self.portal}/rest/"})
        except CredentialsError as error:
            raise UsageError(f"With these a login cannot work: {error}.") from None

    def credentials(self, answer: Mapping[str, Json]) -> Credentials:
        """What the token server gave for the code. Raises SafetyStop for the tokens of another portal, or of none."""
        try:
            found = self._checked(answer)
        except CredentialsError as error:
            raise SafetyStop(f"The token server's answer is of no use: {error}. Nothing was stored.") from None
        if (other := identity(found.client_endpoint)) != self.portal:
            raise SafetyStop(
                f"The login was for {self.portal}, but the tokens are of {other}. Nothing was stored. "
                f"If it is the portal's new name: b24-cleanup login {other}"
            )
        return found

    def _checked(self, answer: Mapping[str, Json]) -> Credentials:
        given = ("access_token", "refresh_token", "member_id", "client_endpoint")
        return checked(
            Credentials(
                portal=self.portal,
                client_id=self.client_id,
                client_secret=self.client_secret,
                server_endpoint=str(answer.get("server_endpoint") or server_of(self.portal)),
                token_endpoint=self.token_endpoint,
                **{name: str(answer.get(name) or "") for name in given},
            )
        )


def portal_in(text: str) -> tuple[str, str]:
    """Scheme and identity of the portal that a person named, by its host or by an address. Raises UsageError."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"//{text.strip()}")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(f"{_PORTAL} This is no host: {text!r}") from None
    if not host or not host.isprintable() or " " in host or parts.username or parts.query or parts.fragment:
        raise UsageError(f"{_PORTAL} This is no host: {text!r}")
    scheme = parts.scheme or ("http" if is_loopback(host) else "https")
    if scheme != "https" and not (scheme == "http" and is_loopback(host)):
        raise UsageError(f"{host} over plain http: tokens would travel readable. Use https.")
    return scheme, identity(f"{scheme}://{parts.netloc}/")


def code_in(text: str, state: str) -> str:
    """The code in what a person pasted: the address that the browser came back to, or the code alone.

    Raises UsageError, or SafetyStop for the answer to another question.
    """
    pasted = text.strip()
    if not pasted:
        raise UsageError("There was no code. Log in again, and paste the address that the browser shows at the end.")
    if "?" not in pasted and "=" not in pasted:
        return pasted
    return code_of(dict(parse_qsl(urlsplit(pasted).query or pasted)), state)


def code_of(asked: Mapping[str, str], state: str) -> str:
    """The code in the parameters of the address that the browser came back to. Raises the same."""
    if not hmac.compare_digest(asked.get("state", "").encode(), state.encode()):
        raise SafetyStop("This is the answer to another login: its state is not the one of this one. Log in again.")
    code = asked.get("code", "")
    if not code:
        raise UsageError("There is no code in this address. Log in again, and paste it as the browser shows it.")
    return code
