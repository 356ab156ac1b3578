"""An application's tokens as an authorization: renewed when the portal calls them expired, once for all who wait.

The order is what keeps the access: hold the file, look whether somebody else renewed meanwhile, make room on the disk,
ask, store, and only then use. Between the token server's answer and the disk lies the one moment in which a crash can
cost the new tokens; then the old refresh token is tried again, and where the server calls it used up, somebody must log
in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import anyio
import structlog

from cleanup.errors import UsageError
from cleanup.portal.authorization import WayIn, is_loopback
from cleanup.portal.credentials import Credentials, CredentialsError
from cleanup.portal.credentials_file import CredentialsFile, HeldTooLongError
from cleanup.portal.errors import AccessRefused, OtherPortal, PortalError, Unreachable
from cleanup.portal.token_server import TIMEOUT, TokenServer
from cleanup.redaction import Redactor

#: Seconds for which another process may hold the file: it asks the token server once.
_PATIENCE = 3 * TIMEOUT
_log = structlog.get_logger()


@dataclass(slots=True)
class _Renewal:
    """One that is under way, for those who wait for it."""

    over: anyio.Event = field(default_factory=anyio.Event)
    error: PortalError | None = None


class Application:
    """The access of an application by the credentials file that `login` wrote. Its texts never show a token."""

    def __init__(self, file: CredentialsFile, credentials: Credentials, redactor: Redactor) -> None:
        self._file = file
        self._redactor = redactor
        self._version = 0
        self._renewal: _Renewal | None = None
        self._credentials = credentials
        redactor.hide(*credentials.secrets)

    @classmethod
    def opened(cls, path: Path, redactor: Redactor) -> "Application":
        """Raises UsageError when the file cannot be read, or could not be renewed later."""
        file = CredentialsFile.named(path)
        credentials = file.load()
        file.require_writable()
        return cls(file, credentials, redactor)

    def __repr__(self) -> str:
        return f"<Application of {self.portal}, version {self._version}>"

    def __str__(self) -> str:
        return f"the application {self._credentials.client_id} on {self.portal}"

    @property
    def way(self) -> WayIn:
        return WayIn.APPLICATION

    @property
    def kind(self) -> str:
        return f"application {self._credentials.client_id}"

    @property
    def portal(self) -> str:
        return self._credentials.portal

    @property
    def base(self) -> str:
        return self._credentials.client_endpoint

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._credentials.access_token}"}

    @property
    def is_loopback(self) -> bool:
        return is_loopback(urlsplit(self.base).hostname or "")

    @property
    def version(self) -> int:
        return self._version

    def redact(self, text: str) -> str:
        return self._redactor(text)

    async def renew(self, refused: int, session: aiohttp.ClientSession) -> bool:
        """Raises AccessRefused where somebody must act, Unreachable where another try may help, OtherPortal."""
        while refused == self._version:
            if self._renewal is None:
                await self._renew(session)
            else:
                await _outcome(self._renewal)
        return True

    async def _renew(self, session: aiohttp.ClientSession) -> None:
        renewal = self._renewal = _Renewal()
        try:
            await self._under_the_lock(session)
        except PortalError as error:
            renewal.error = error
            raise
        finally:
            self._renewal = None
            renewal.over.set()

    async def _under_the_lock(self, session: aiohttp.ClientSession) -> None:
        try:
            async with self._file.held(_PATIENCE):
                await anyio.to_thread.run_sync(self._file.recover)
                if not self._adopted(self._file.load()):
                    # Who is cut off here loses the new tokens: a stop waits for this, at most for the server's time.
                    with anyio.CancelScope(shield=True):
                        await self._ask_and_store(session)
        except UsageError as error:
            raise AccessRefused(f"The access to {self.portal} was not renewed.", str(error)) from error
        except HeldTooLongError:
            raise Unreachable(
                f"Another process has held {self._file.path} for {_PATIENCE:g} s.", "Look whether it hangs."
            ) from None

    def _adopted(self, stored: Credentials) -> bool:
        """Whether another process, or a new login, has put newer tokens into the file. Raises OtherPortal."""
        known = self._credentials
        if (stored.portal, stored.member_id) != (known.portal, known.member_id):
            raise OtherPortal(
                f"The credentials file {self._file.path} is now of {stored.portal}, not of {known.portal}."
            )
        if stored.access_token == known.access_token:
            return False
        self._use(stored)
        _log.info("oauth.adopted", portal=self.portal)
        return True

    async def _ask_and_store(self, session: aiohttp.ClientSession) -> None:
        known = self._credentials
        await anyio.to_thread.run_sync(self._file.prepare)
        server = TokenServer(
            session=session,
            address=known.token_address,
            client_id=known.client_id,
            client_secret=known.client_secret,
            redactor=self._redactor,
        )
        try:
            answer = await server.renew(known.refresh_token)
        except PortalError:
            self._file.discard()
            raise
        self._redactor.hide(*(str(answer.get(name) or "") for name in ("access_token", "refresh_token")))
        try:
            renewed = known.renewed(answer)
        except CredentialsError as error:
            raise OtherPortal(
                f"The access to {self.portal} was not renewed: {self._redactor(str(error))}.",
                "Nothing more was sent. Find out why, then log in again: b24-cleanup login",
            ) from None
        await anyio.to_thread.run_sync(self._file.store, renewed)
        self._use(renewed)
        _log.info("oauth.renewed", portal=self.portal)

    def _use(self, credentials: Credentials) -> None:
        before, after = (urlsplit(each.client_endpoint).netloc for each in (self._credentials, credentials))
        if before != after:
            _log.error("portal.moved", portal=self.portal, to=after, advice="log in again")
        self._redactor.hide(*credentials.secrets)
        self._credentials = credentials
        self._version += 1


async def _outcome(renewal: _Renewal) -> None:
    """Waits for one that somebody else has begun; its failure is theirs, too."""
    await renewal.over.wait()
    if renewal.error is not None:
        raise type(renewal.error)(renewal.error.told, renewal.error.advice)
