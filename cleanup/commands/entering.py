"""`login`: from the code that a browser brought back to a credentials file."""

from pathlib import Path

import anyio

from cleanup.errors import SafetyStop, StoppedEarly
from cleanup.portal.application import Application
from cleanup.portal.callback import catch_code
from cleanup.portal.code_flow import Login
from cleanup.portal.credentials_file import CredentialsFile, HeldTooLongError
from cleanup.portal.token_server import TokenServer
from cleanup.portal.transport import open_session
from cleanup.redaction import Redactor

_PATIENCE = 60.0
#: What is shorter is a slip of the hand; to hide it would only make the messages unreadable.
_SHORTEST_CODE = 8


def require_room(file: Path, login: Login) -> None:
    """Before anything is asked. Raises SafetyStop for a file of another portal, UsageError for what cannot work."""
    login.require_usable()
    found = CredentialsFile.named(file)
    found.require_writable()
    if found.path.exists() and (known := found.load()).portal != login.portal:
        raise SafetyStop(
            f"{found.path} holds the access to {known.portal}, and is not overwritten by one to {login.portal}. "
            "Name another file, or move it away."
        )


async def wait_for_code(port: int, login: Login) -> str:
    return await catch_code(port, login.state)


async def enter(login: Login, code: str, file: Path, redactor: Redactor) -> Application:
    """Exchanges the code, which lives for 30 s, and stores the tokens. Raises AccessRefused, SafetyStop and others."""
    redactor.hide(login.client_secret, *([code] if len(code) >= _SHORTEST_CODE else []))
    target = CredentialsFile.named(file)
    try:
        async with target.held(_PATIENCE), open_session(loopback=login.is_loopback) as session:
            await anyio.to_thread.run_sync(target.prepare)
            server = TokenServer(
                session=session,
                address=login.token_address,
                client_id=login.client_id,
                client_secret=login.client_secret,
                redactor=redactor,
            )
            try:
                credentials = login.credentials(await server.exchange(code))
            except BaseException:
                target.discard()
                raise
            redactor.hide(*credentials.secrets)
            await anyio.to_thread.run_sync(target.store, credentials)
    except HeldTooLongError:
        raise StoppedEarly(f"Another process has held {target.path} for {_PATIENCE:g} s. Try again.") from None
    return Application(target, credentials, redactor)
