"""One POST to the portal: the body out, status and JSON back, or one of our errors. Repeats nothing."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog

from cleanup.errors import UsageError
from cleanup.portal.auth import Webhook, is_loopback
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


class Transport:
    """Posts JSON to the methods of one webhook. Its texts never hold the secret."""

    def __init__(self, session: aiohttp.ClientSession, webhook: Webhook) -> None:
        self._session = session
        self._webhook = webhook
        #: Where requests go now: a renamed portal answers with a redirect, which is remembered.
        self._base = webhook.base
        self.sent = 0

    def __repr__(self) -> str:
        return f"<Transport {self._webhook} sent={self.sent}>"

    @property
    def portal(self) -> str:
        return self._webhook.portal

    @property
    def moved_to(self) -> str | None:
        """The host that a renamed portal answers from; None: it answers from the webhook's own."""
        there = urlsplit(self._base).netloc
        return None if there == urlsplit(self._webhook.base).netloc else there

    def redact(self, text: str) -> str:
        """A text of the portal's, which may repeat the address that was asked, without the secret."""
        return self._webhook.redact(text)

    async def post(self, method: str, body: Json) -> Reply:
        """Raises Unreachable when no connection was made, AnswerLost when it broke later."""
        url = urljoin(self._base, method)
        for _ in range(_MOST_REDIRECTS + 1):
            reply, location = await self._post_once(url, body)
            if location is None:
                return reply
            url = self._redirected(url, location, method)
        raise Misdirected(f"{self.portal} redirects in a circle. Check the webhook's address.")

    async def _post_once(self, url: str, body: Json) -> tuple[Reply, str | None]:
        self.sent += 1
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                # PORTAL.md 4: a renamed portal redirects; followed the browser's way the POST would lose its body.
                if response.status in _REDIRECTS and "Location" in response.headers:
                    return Reply(response.status, None, is_json=False), response.headers["Location"]
                return _reply(response.status, await self._read(response)), None
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise _ours(error, self._webhook) from None  # the foreign text holds the address with the secret

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
        rehearsal = self._webhook.scheme == "http" and parts.scheme == "http" and is_loopback(host)
        if parts.scheme != "https" and not rehearsal:
            raise Misdirected(f"{self.portal} redirects to a plain http address; the secret is not sent there.")
        if is_loopback(urlsplit(self._webhook.base).hostname or "") and not is_loopback(host):
            raise Misdirected(f"{self.portal} redirects to {host}, away from this machine. It is not followed there.")
        if not parts.path.endswith("/" + method):
            raise Misdirected(
                f"{self.portal} redirects to a page of {host}, not to its REST. Check the webhook's address."
            )
        if host != urlsplit(self._base).hostname:
            _log.error("portal.moved", portal=self.portal, to=host, advice="change the webhook's address")
        self._base = target.removesuffix(method)
        return target


def _reply(status: int, body: bytes) -> Reply:
    try:
        return Reply(status, cast("Json", json.loads(body)), is_json=True)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return Reply(status, None, is_json=False)


def _ours(error: Exception, webhook: Webhook) -> Unreachable | AnswerLost:
    portal = webhook.portal
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return Untrusted(
            f"{portal}: its certificate is not trusted: {_reason(error.os_error, webhook)}. Nothing was sent. "
            "For a company's own authority name its file in SSL_CERT_FILE."
        )
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"{portal} cannot be reached: no connection within {_TIMEOUT.sock_connect:g} s.")
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(f"{portal} cannot be reached: {_reason(error.os_error, webhook)}. Check host and network.")
    if isinstance(error, TimeoutError):
        return AnswerLost(f"{portal} did not answer within {_TIMEOUT.total:g} s.")
    return AnswerLost(f"The connection to {portal} broke before the answer came ({type(error).__name__}).")


def _reason(error: BaseException, webhook: Webhook) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return webhook.redact(error.verify_message or "verification failed").rstrip(".")
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return webhook.redact(text).rstrip(".")


@asynccontextmanager
async def open_transport(webhook: Webhook) -> AsyncIterator[Transport]:
    """A transport whose connections are closed at the end. Certificates are always verified."""
    connector = aiohttp.TCPConnector(ssl=_certificates(webhook), limit=0, keepalive_timeout=30)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=_TIMEOUT,
        headers={"Accept": "application/json", "User-Agent": "b24-cleanup"},
        trust_env=not is_loopback(urlsplit(webhook.base).hostname or ""),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Transport(session, webhook)


def _certificates(webhook: Webhook) -> ssl.SSLContext | bool:
    """The machine's certificates. Loading them takes a while, so a loopback portal without TLS does without."""
    if webhook.scheme == "http":
        return True  # aiohttp's own default, should a redirect lead to https
    try:
        return ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The certificates of this machine cannot be loaded: {error}") from error
