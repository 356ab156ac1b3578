"""The tokens of an application (PORTAL.md 10): an access token that expires, a refresh token that is used up by use."""

from collections import Counter
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.php import Parameters, to_text
from cleanup.sandbox.readers import Standing
from cleanup.sandbox.settings import Settings
from cleanup.sandbox.switches import Faults

#: Seconds that the code of a login can be exchanged for tokens.
CODE_LIFETIME = 30.0
_SERVER = "oauth.bitrix24.tech"
_EXPIRED = RestError("expired_token", "The access token provided has expired.", 401)
_UNKNOWN = RestError("invalid_token", "Unable to get application by token", 401)
_NOBODY = RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
_NO_CLIENT = RestError("invalid_client", "Invalid client")
_NO_GRANT = RestError("invalid_grant", "Invalid grant")
#: What the token server says of an application that does not stand well.
_REFUSED = {
    Standing.NOT_INSTALLED: RestError("NOT_INSTALLED", "Application not installed", 401),
    # PORTAL.md 10: an error with the status of a success.
    Standing.WRONG_CLIENT: RestError("wrong_client", "Wrong client", 200),
    Standing.PAYMENT_REQUIRED: RestError("PAYMENT_REQUIRED", "Payment required", 401),
    Standing.REVOKED: _NO_GRANT,
}


class Code(NamedTuple):
    """What a login hands to the browser, for one exchange."""

    text: str
    until: float


class Tokens:
    """The tokens that are valid now. The first are `access0` and `refresh0`; each new pair counts on."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings, self._faults = settings, faults
        self._random = Random(f"codes {settings.seed}")
        self._number = 0
        self._until: float | None = None
        self._code: Code | None = None
        #: Pairs whose access token was refused as expired while it was the newest.
        self.expired: set[int] = set()
        #: By pair: requests that its access token let in.
        self.used: Counter[int] = Counter()
        #: New pairs for a refresh token, and for a code.
        self.renewals = 0
        self.logins = 0
        #: Questions that got no tokens, by error.
        self.refused: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Tokens number {self._number}>"

    @property
    def access(self) -> str:
        return f"access{self._number}"

    @property
    def refresh(self) -> str:
        return f"refresh{self._number}"

    def to_json(self) -> dict[str, object]:
        return {
            "number": self._number,
            "expired": sorted(self.expired),
            "used": self.used,
            "renewals": self.renewals,
            "logins": self.logins,
            "refused": self.refused,
        }

    def check(self, token: str, now: float) -> None:
        """Raises RestError unless it is the newest token and has not expired."""
        self._until = now + self._settings.token_lifetime if self._until is None else self._until
        if not token:
            raise _NOBODY
        if not token.startswith("access"):
            raise _UNKNOWN
        if token != self.access or self._is_over(now):
            if token == self.access:
                self.expired.add(self._number)
            raise _EXPIRED
        self.used[self._number] += 1

    def _is_over(self, now: float) -> bool:
        most, until = self._settings.token_requests, self._until or now
        used_up = most is not None and self.used[self._number] >= most
        return used_up or not self._faults.token or now >= until

    def code(self, asked: Parameters, now: float) -> Code:
        """The browser's part of a login, where the user is already logged in. Raises RestError for the page."""
        standing = self._faults.application
        if to_text(asked.get("client_id")) != self._settings.client_id or standing is Standing.NOT_INSTALLED:
            raise RestError("APPLICATION_NOT_FOUND", "Application not found", 200)
        self._code = Code(f"{self._random.getrandbits(160):040x}", now + CODE_LIFETIME)
        return self._code

    def way_back(self, handler: str, code: Code, asked: Parameters, *, host: str) -> str:
        """The application's address with what the portal adds to it. Here `domain` is the portal."""
        added = {
            "code": code.text,
            "domain": host,
            "member_id": self._faults.member,
            "scope": ",".join(self._faults.scopes),
        }
        state = {"state": to_text(asked["state"])} if "state" in asked else {}
        return f"{handler}{'&' if '?' in handler else '?'}{urlencode(added | state | {'server_domain': _SERVER})}"

    def give(self, asked: Parameters, now: float, *, portal: str) -> dict[str, object]:
        """A new pair for a refresh token or a code. Raises RestError."""
        try:
            self._require_client(asked)
            self._require_grant(asked, now)
        except RestError as error:
            self.refused[error.code] += 1
            raise
        self._number += 1
        self._faults.token, self._until = True, now + self._settings.token_lifetime
        return self._answer(int(self._until), portal)

    def _require_client(self, asked: Parameters) -> None:
        if self._faults.application in _REFUSED:
            raise _REFUSED[self._faults.application]
        known = (self._settings.client_id, self._settings.client_secret)
        if (to_text(asked.get("client_id")), to_text(asked.get("client_secret"))) != known:
            raise _NO_CLIENT

    def _require_grant(self, asked: Parameters, now: float) -> None:
        """A refresh token that was used up still works with the switch `old_refresh`."""
        if asked.get("grant_type") == "authorization_code":
            code, self._code = self._code, None
            if code is None or asked.get("code") != code.text or now >= code.until:
                raise _NO_GRANT
            self.logins += 1
        elif asked.get("grant_type") == "refresh_token":
            last = {f"refresh{self._number - 1}"} if self._faults.old_refresh else set()
            if asked.get("refresh_token") not in {self.refresh, *last}:
                raise _NO_GRANT
            self.renewals += 1
        else:
            raise RestError("invalid_request", "Unsupported grant type")

    def _answer(self, until: int, portal: str) -> dict[str, object]:
        return {
            "access_token": self.access,
            "refresh_token": self.refresh,
            "expires": until,
            "expires_in": int(self._settings.token_lifetime),
            "scope": ",".join(self._faults.scopes),
            "domain": _SERVER,
            # The token server is played here, too, so that nothing leads out of a rehearsal.
            "server_endpoint": f"{portal}rest/",
            "client_endpoint": f"{self._faults.endpoint or f'{portal}rest/'}",
            "status": "L",
            "member_id": self._faults.member,
            "user_id": self._settings.user,
        }
