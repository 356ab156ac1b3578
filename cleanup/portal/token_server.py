"""One question to the server that gives tokens: its answer, or one of our errors. Repeats nothing, stores nothing.

The question goes into the body, never into the address: addresses stand in the logs of servers and proxies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from cleanup.portal.errors import AccessRefused, PortalError, Unreachable
from cleanup.portal.wire import CallError, Json, error_in
from cleanup.redaction import Redactor
from cleanup.words import in_brief

#: Seconds for the whole question. The code of a login lives for 30.
TIMEOUT = 20.0
_MOST_BYTES = 65536

_CLIENT = (
    "client_id or client_secret is wrong, or the application is not installed on this portal. "
    "Compare both with the application's card, then log in again: b24-cleanup login"
)
_INSTALL = (
    "The application is not installed on the portal (any more). Let an administrator install it, "
    "then log in again: b24-cleanup login"
)
_PAYMENT = "The application's or the portal's paid time is over. Renew it, then run the same command again."
_GRANT = (
    "The refresh token is over (180 days without use), was used up, or the access was revoked. "
    "Log in again: b24-cleanup login"
)
_ADVICE = {
    "INVALID_GRANT": _GRANT,
    "INVALID_TOKEN": _GRANT,
    "EXPIRED_TOKEN": _GRANT,
    "INVALID_CLIENT": _CLIENT,
    "WRONG_CLIENT": _CLIENT,
    "NOT_INSTALLED": _INSTALL,
    "APPLICATION_NOT_FOUND": _INSTALL,
    "PAYMENT_REQUIRED": _PAYMENT,
    "INVALID_SCOPE": "Add the scope “Business processes” (bizproc) to the application's card, then log in again.",
    "INSUFFICIENT_SCOPE": "Add the scope “Business processes” (bizproc) to the application's card, then log in again.",
    "USER_ACCESS_ERROR": "The user who logged in may not use the application. Let an administrator log in.",
    "ACCESS_DENIED": "The user who logged in may not use the application. Let an administrator log in.",
    "AUTHORIZATION_ERROR": "The user who logged in may no longer use the portal. Let a working administrator log in.",
}
_CODE = "The code was used already, or is older than its 30 seconds. Log in again: b24-cleanup login"
#: What passes: the same question may be asked again, later.
_PASSING = frozenset({"QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT", "INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServer:
    session: aiohttp.ClientSession
    address: str
    client_id: str
    client_secret: str
    redactor: Redactor

    def __repr__(self) -> str:
        return f"<TokenServer {self._host}>"

    async def renew(self, refresh_token: str) -> Mapping[str, Json]:
        """New tokens. Raises AccessRefused where a person must act, Unreachable where another try may help.

        After Unreachable nobody knows whether the refresh token is used up: it may still work, so it is tried again.
        """
        return await self._ask(grant_type="refresh_token", refresh_token=refresh_token)

    async def exchange(self, code: str) -> Mapping[str, Json]:
        """The first tokens for the code of a login. Raises the same."""
        return await self._ask(grant_type="authorization_code", code=code)

    @property
    def _host(self) -> str:
        return urlsplit(self.address).netloc

    async def _ask(self, **grant: str) -> Mapping[str, Json]:
        form = {"client_id": self.client_id, "client_secret": self.client_secret, **grant}
        try:
            async with self.session.post(
                self.address, data=form, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=TIMEOUT)
            ) as response:
                status, body = response.status, await response.content.read(_MOST_BYTES)
                while piece := await response.content.read(_MOST_BYTES):
                    body += piece
                    if len(body) > _MOST_BYTES:
                        break
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            kind = type(error).__name__  # the foreign text may hold the address
            raise Unreachable(f"The token server {self._host} gave no answer ({kind}).", _AGAIN) from None
        return self._accepted(status, _parsed(body), code="code" in grant)

    def _accepted(self, status: int, document: Json, *, code: bool) -> Mapping[str, Json]:
        """PORTAL.md 10: wrong_client may come with HTTP 200, so the code decides first."""
        error = error_in(document)
        if error is not None:
            raise self._refusal(status, error, code=code)
        if status == 200 and isinstance(document, dict) and document.get("access_token"):
            return document
        raise Unreachable(f"The token server {self._host} answered without tokens (HTTP {status}).", _AGAIN)

    def _refusal(self, status: int, error: CallError, *, code: bool) -> PortalError:
        name = error.code.upper()
        shown = CallError(*(in_brief(self.redactor(text)) for text in (error.code, error.text)))
        told = f"The token server {self._host} answered with {shown} (HTTP {status})"
        if name in _PASSING or status >= 500 or status == 429:
            return Unreachable(f"{told}.", _AGAIN)
        advice = _CODE if code and name == "INVALID_GRANT" else _ADVICE.get(name, "Log in again: b24-cleanup login")
        return AccessRefused(f"{told}.", advice)


_AGAIN = "Nothing was lost; the same command goes on later."


def _parsed(body: bytes) -> Json:
    try:
        parsed: Json = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed
