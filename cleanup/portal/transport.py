"""One POST to the portal: the body out, status and JSON back, or one of our errors. Repeats nothing."""

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog

from cleanup.errors import UsageError
from cleanup.portal.authorization import Authorization, WayIn, is_loopback
from cleanup.portal.errors import AnswerLost, Misdirected, Unreachable, Untrusted
from cleanup.portal.wire import Json

#: The portal cuts a request at 60 s (PORTAL.md 4); a little more lets its own 504 reach us.
_TIMEOUT = aiohttp.ClientTimeout(total=75, sock_connect=15)
_MOST_BYTES = 32 * 1024 * 1024
_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    #: None where the body was no JSON.
    document: Json
    is_json: bool
    #: The version of the authorization that the request carried.
    version: int = 0


class Transport:
    """Posts JSON to the methods of one portal. Its texts never hold a secret."""

    def __init__(self, session: aiohttp.ClientSession, authorization: Authorization) -> None:
        self._session = session
        self.authorization = authorization
        #: By base: where its requests go now. A renamed portal answers with a redirect, which is remembered.
        self._moved: dict[str, str] = {}
        self.sent = 0

    def __repr__(self) -> str:
        return f"<Transport {self.authorization} sent={self.sent}>"

    @property
    def portal(self) -> str:
        return self.authorization.portal

    @property
    def moved_to(self) -> str | None:
        """The host that a renamed portal answers from; None: it answers from its own."""
        base = self.authorization.base
        there = urlsplit(self._moved.get(base, base)).netloc
        return None if there == urlsplit(base).netloc else there

    def redact(self, text: str) -> str:
        """A text of the portal's, which may repeat the address that was asked, without the secret."""
        return self.authorization.redact(text)

    async def post(self, method: str, body: Json) -> Reply:
        """Raises Unreachable when no connection was made, AnswerLost when it broke later."""
        version, base, headers = self.authorization.version, self.authorization.base, self.authorization.headers
        url = urljoin(self._moved.get(base, base), method)
        for _ in range(_MOST_REDIRECTS + 1):
            reply, location = await self._post_once(url, body, headers)
            if location is None:
                return replace(reply, version=version)
            url = self._redirected(url, location, method)
            self._moved[base] = url.removesuffix(method)
        raise Misdirected(f"{self.portal} redirects in a circle. Check the {self.authorization.way}'s address.")

    async def renew(self, refused: int) -> bool:
        """Whether there is a newer authorization than the refused one. Raises PortalError."""
        return await self.authorization.renew(refused, self._session)

    async def _post_once(self, url: str, body: Json, headers: Mapping[str, str]) -> tuple[Reply, str | None]:
        self.sent += 1
        carrying = (_carrying(headers),) if headers else ()
        try:
            async with self._session.post(url, json=body, allow_redirects=False, middlewares=carrying) as response:
                # PORTAL.md 4: a renamed portal redirects; followed the browser's way the POST would lose its body.
                if response.status in _REDIRECTS and "Location" in response.headers:
                    return Reply(response.status, None, is_json=False), response.headers["Location"]
                return _reply(response.status, await self._read(response)), None
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise _ours(error, self.authorization) from None  # the foreign text holds the address with the secret

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        received = bytearray()
        async for piece in response.content.iter_chunked(65536):
            received += piece
            if len(received) > _MOST_BYTES:
                raise AnswerLost(f"{self.portal} answered with more than {_MOST_BYTES >> 20} MiB; it was not read on.")
        return bytes(received)

    def _redirected(self, url: str, location: str, method: str) -> str:
        try:
            target = urljoin(url, location)
            parts = urlsplit(target)
            host = parts.hostname or ""
        except ValueError:
            raise Misdirected(f"{self.portal} redirects to something that is no address.") from None
        ours = urlsplit(self.authorization.base)
        rehearsal = ours.scheme == "http" and parts.scheme == "http" and is_loopback(host)
        if parts.scheme != "https" and not rehearsal:
            raise Misdirected(f"{self.portal} redirects to a plain http address; the secret is not sent there.")
        if self.authorization.is_loopback and not is_loopback(host):
            raise Misdirected(f"{self.portal} redirects to {host}, away from this machine. It is not followed there.")
        if not parts.path.endswith("/" + method):
            raise Misdirected(
                f"{self.portal} redirects to a page of {host}, not to its REST. "
                f"Check the {self.authorization.way}'s address."
            )
        if host != urlsplit(url).hostname:
            advice = "change the webhook's address" if self.authorization.way is WayIn.WEBHOOK else "log in again"
            _log.error("portal.moved", portal=self.portal, to=host, advice=advice)
        return target


def _carrying(headers: Mapping[str, str]) -> aiohttp.ClientMiddlewareType:
    """Puts headers on a request last of all: a ~/.netrc that knows the host must not put its own in their place."""

    async def carry(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.headers.update(headers)
        return await send(request)

    return carry


def _reply(status: int, body: bytes) -> Reply:
    try:
        return Reply(status, cast("Json", json.loads(body)), is_json=True)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return Reply(status, None, is_json=False)


def _ours(error: Exception, authorization: Authorization) -> Unreachable | AnswerLost:
    portal = authorization.portal
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return Untrusted(
            f"{portal}: its certificate is not trusted: {_reason(error.os_error, authorization)}. Nothing was sent. "
            "For a company's own authority name its file in SSL_CERT_FILE."
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{portal} cannot be reached: no connection within {_TIMEOUT.sock_connect:g} s.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(
            f"{portal} cannot be reached: {_reason(error.os_error, authorization)}. Check host and network."
        )
    if isinstance(error, TimeoutError):
        return AnswerLost(f"{portal} did not answer within {_TIMEOUT.total:g} s.")
    return AnswerLost(f"The connection to {portal} broke before the answer came ({type(error).__name__}).")


def _reason(error: BaseException, authorization: Authorization) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return authorization.redact(error.verify_message or "verification failed").rstrip(".")
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return authorization.redact(text).rstrip(".")


@asynccontextmanager
async def open_transport(authorization: Authorization) -> AsyncIterator[Transport]:
    """A transport whose connections are closed at the end. Certificates are always verified."""
    async with open_session(loopback=authorization.is_loopback, plain=_is_plain(authorization.base)) as session:
        yield Transport(session, authorization)


@asynccontextmanager
async def open_session(*, loopback: bool, plain: bool = False) -> AsyncIterator[aiohttp.ClientSession]:
    """For a portal on this machine no proxy is asked for; `plain`: it is reached without TLS."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_certificates(plain=plain), limit=0, keepalive_timeout=30),
        timeout=_TIMEOUT,
        headers={"Accept": "application/json", "User-Agent": "b24-cleanup"},
        trust_env=not loopback,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


def _is_plain(base: str) -> bool:
    return urlsplit(base).scheme == "http"


def _certificates(*, plain: bool) -> ssl.SSLContext | bool:
    """The machine's certificates. Loading them takes a while, so a loopback portal without TLS does without."""
    if plain:
        return True  # aiohttp's own default, should a redirect lead to https
    try:
        return ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The certificates of this machine cannot be loaded: {error}") from error
