"""The tokens of an application (PORTAL.md 10): an access token that expires, a refresh token that is used up by use."""

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.php import Parameters, to_text
from cleanup.sandbox.settings import Settings
from cleanup.sandbox.switches import Faults

LIFETIME = 3600
_EXPIRED = RestError("expired_token", "The access token provided has expired.", 401)
_UNKNOWN = RestError("invalid_token", "Unable to get application by token", 401)
_NOBODY = RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)


class Tokens:
    """The tokens that are valid now. The first are `access0` and `refresh0`; each refresh counts on."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings, self._faults = settings, faults
        self._number = 0
        self._until: float | None = None

    def __repr__(self) -> str:
        return f"<Tokens number {self._number}>"

    @property
    def access(self) -> str:
        return f"access{self._number}"

    @property
    def refresh(self) -> str:
        return f"refresh{self._number}"

    def check(self, token: str, now: float) -> None:
        """Raises RestError unless it is the newest token and has not expired."""
        self._until = now + LIFETIME if self._until is None else self._until
        if not token:
            raise _NOBODY
        if not token.startswith("access"):
            raise _UNKNOWN
        if token != self.access or not self._faults.token or now >= self._until:
            raise _EXPIRED

    def renew(self, asked: Parameters, now: float, *, portal: str) -> dict[str, object]:
        """A new pair for the refresh token. Raises RestError, with status 400."""
        known = (self._settings.client_id, self._settings.client_secret)
        if (to_text(asked.get("client_id")), to_text(asked.get("client_secret"))) != known:
            raise RestError("invalid_client", "Invalid client")
        if asked.get("grant_type") != "refresh_token":
            raise RestError("invalid_request", "Unsupported grant type")
        if asked.get("refresh_token") != self.refresh:
            raise RestError("invalid_grant", "Invalid grant")
        self._number += 1
        self._faults.token, self._until = True, now + LIFETIME
        return self._answer(int(self._until), portal)

    def _answer(self, until: int, portal: str) -> dict[str, object]:
        return {
            "access_token": self.access,
            "refresh_token": self.refresh,
            "expires": until,
            "expires_in": LIFETIME,
            "scope": ",".join(self._faults.scopes),
            "domain": "oauth.bitrix24.tech",
            "server_endpoint": "https://oauth.bitrix24.tech/rest/",
            "client_endpoint": f"{portal}rest/",
            "status": "L",
            "member_id": "5a1d0b0c9e5f4d3a8b7c6d5e4f3a2b1c",
            "user_id": self._settings.user,
        }
