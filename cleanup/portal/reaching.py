"""The way to a portal before anything is asked: its name, a connection, its certificate. No request is sent, no secret.

Each step has a short time limit of its own, so that what is wrong is told soon.
"""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from cleanup.errors import UsageError
from cleanup.portal.authorization import is_loopback
from cleanup.portal.errors import Unreachable, Untrusted
from cleanup.words import in_brief

#: Seconds for each of the three steps.
_PATIENCE = 10.0
#: Seconds until a name server that was not there is asked once more.
_NAME_SERVER_PAUSE = 1.0
_CLOCK = "Is this machine's clock right? If it is, the portal's administrator must renew the certificate."
_AUTHORITY = (
    "For a company's own authority, or a proxy that opens TLS, name the file of its certificate in SSL_CERT_FILE."
)
_NAME = "It is for another name: check the host of the webhook or the login; a renamed portal needs the new one."
#: By OpenSSL's numbers (X509_V_ERR_…).
_CERTIFICATE_ADVICE = {
    9: _CLOCK,
    10: _CLOCK,
    62: _NAME,
    64: _NAME,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    issuer: str
    expires: datetime
    #: What was agreed on: TLSv1.3.
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the portal can be reached."""

    #: Host and port of the proxy that stands between, which was not asked; "": the portal itself was connected to.
    proxy: str = ""
    #: Seconds until the connection stood.
    connected_in: float = 0.0
    #: None: plain http to this machine, or the proxy's business.
    certificate: Certificate | None = None


async def reach(scheme: str, portal: str) -> Way:
    """Connects as a request would, and closes again. Raises Unreachable or Untrusted."""
    parts = urlsplit(f"{scheme}://{portal}")
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[scheme]
    if proxy := _proxy(scheme, host):
        return Way(proxy=proxy)
    await _look_up(host, port, portal)
    began = time.monotonic()
    stream = await _connected(host, port, portal)
    connected_in = time.monotonic() - began
    if scheme == "http":
        await stream.aclose()
        return Way(connected_in=connected_in)
    return Way(connected_in=connected_in, certificate=await _certificate(stream, host, portal))


def _proxy(scheme: str, host: str) -> str:
    """Without user and password."""
    address = None if is_loopback(host) else getproxies().get(scheme)
    if not address or proxy_bypass(host):
        return ""
    with suppress(ValueError):
        parts = urlsplit(address)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "of the environment"
    return "of the environment"


async def _look_up(host: str, port: int, portal: str) -> None:
    try:
        await _addresses(host, port)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            advice = "The name server does not answer: check network and DNS of this machine."
        else:
            advice = "Check the host's spelling, and the DNS of this machine."
        raise Unreachable(f"{portal} cannot be reached: {error.strerror}.", advice) from error
    except TimeoutError:
        raise Unreachable(
            f"{portal} cannot be reached: its name was not looked up within {_PATIENCE:g} s.",
            "Check network and DNS of this machine.",
        ) from None


async def _addresses(host: str, port: int) -> None:
    with anyio.fail_after(_PATIENCE):
        try:
            await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
            await anyio.sleep(_NAME_SERVER_PAUSE)
            await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connected(host: str, port: int, portal: str) -> SocketStream:
    try:
        with anyio.fail_after(_PATIENCE):
            return await anyio.connect_tcp(host, port)
    except TimeoutError:
        raise Unreachable(
            f"{portal} cannot be reached: no connection to port {port} within {_PATIENCE:g} s.",
            "Check host and network; a firewall may swallow it, or a proxy be needed (HTTPS_PROXY).",
        ) from None
    except OSError as error:
        reasons = sorted({_reason(cause) for cause in _causes(error)})
        raise Unreachable(
            f"{portal} cannot be reached: port {port}: {', '.join(reasons)}.", "Check host, port and network."
        ) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The system's own errors: one for each address of the host."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _causes(inner)
    elif error.__cause__ is not None:
        yield from _causes(error.__cause__)
    else:
        yield error


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    told = os.strerror(number) if isinstance(number, int) else str(error) or type(error).__name__
    return in_brief(told).lower()


async def _certificate(stream: ByteStream, host: str, portal: str) -> Certificate:
    context = _trust()
    try:
        with anyio.fail_after(_PATIENCE):
            tls = await TLSStream.wrap(stream, hostname=host, ssl_context=context, standard_compatible=False)
    except ssl.SSLCertVerificationError as error:
        told = in_brief(error.verify_message or "verification failed").rstrip(".")
        advice = _CERTIFICATE_ADVICE.get(error.verify_code, _AUTHORITY)
        raise Untrusted(f"{portal}: its certificate is not trusted: {told}. Nothing was sent.", advice) from error
    except (ssl.SSLError, OSError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
        told = getattr(error, "reason", None) or type(error).__name__
        raise Untrusted(
            f"{portal}: no encrypted connection could be agreed on ({in_brief(str(told))}). Nothing was sent.",
            "Is the port the one of https? A firewall or a proxy may stand between.",
        ) from error
    finally:
        with suppress(OSError, anyio.BrokenResourceError):
            await anyio.aclose_forcefully(stream)
    return _read(tls)


def _trust() -> ssl.SSLContext:
    try:
        return ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The certificates of this machine cannot be loaded: {error}") from error


def _read(tls: TLSStream) -> Certificate:
    agreed = tls.extra_attributes
    told = agreed[TLSAttribute.ssl_object]().getpeercert() or {}
    protocol = agreed[TLSAttribute.tls_version]()
    issuer: dict[str, str] = dict(chain.from_iterable(told.get("issuer", ())))
    name = issuer.get("organizationName") or issuer.get("commonName") or "an authority without a name"
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    return Certificate(in_brief(name), expires, protocol)
