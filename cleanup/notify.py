"""Sends a text to the addresses that an administrator chose, by Apprise. Each address is a secret."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cleanup import private_file
from cleanup.errors import UsageError

_VARIABLE = "B24_NOTIFY_URLS"
_SHORTEST_TOKEN, _LONGEST_WORD = 6, 12
_INSTALL = "pipx inject b24-cleanup apprise, or pip install 'b24-cleanup[notify]'"


class NotSentError(Exception):
    """The notification did not go out. The text may hold parts of an address: redact it."""


def addresses(notify_file: Path | None) -> tuple[str, ...]:
    """One address a line or a word, from the file, else from B24_NOTIFY_URLS. Raises UsageError."""
    text = private_file.read(notify_file, "notify file") if notify_file else os.environ.get(_VARIABLE, "")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = tuple(word for line in lines for word in line.split())
    if wrong := [word for word in found if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", word)]:
        raise UsageError(f"{len(wrong)} of the notification addresses have no scheme such as mailtos:// or tgram://.")
    if notify_file and not found:
        raise UsageError(f"The notify file {notify_file} holds no address.")
    return found


def secrets_of(address: str) -> Iterator[str]:
    """What must not be shown of an address: all behind its scheme, its password, and each part that may be a token."""
    yield address.split("://", 1)[-1]
    try:
        parts = urlsplit(address)
    except ValueError:
        return
    if parts.password:
        yield parts.password
    asked = parse_qsl(parts.query)
    yield from (value for key, value in asked if re.search("token|key|pass|secret", key.lower()))
    candidates = [*parts.path.split("/"), *(value for _, value in asked)]
    if "." not in parts.netloc and "localhost" not in parts.netloc:
        candidates += [parts.netloc, *parts.netloc.split(":")]  # slack://TokenA/TokenB: such a host is a token
    yield from filter(_may_be_token, candidates)


def _may_be_token(part: str) -> bool:
    """Not a word such as "services": hiding those would only make messages unreadable."""
    word = part.isalpha() and part.islower() and len(part) < _LONGEST_WORD
    return len(part) >= _SHORTEST_TOKEN and not word and part != "b24-cleanup"


def send(to: Sequence[str], *, title: str, body: str) -> None:
    """Tells all addresses. Raises NotSentError when one of them could not be told."""
    try:
        import apprise
    except ImportError:
        raise NotSentError(f"the package apprise is not installed. Install it: {_INSTALL}") from None
    with _what_it_says() as said:
        post = apprise.Apprise()
        unknown = [address for address in to if not post.add(address)]
        sent = bool(post.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)) if len(post) else False
    if unknown or not sent:
        raise NotSentError(_reason(len(unknown), said))


def _reason(unknown: int, said: Iterable[str]) -> str:
    first = next(iter(said), "")
    refused = f"{unknown} of the addresses are not of a kind that apprise knows" if unknown else ""
    return ": ".join(part for part in (refused, first) if part) or "apprise could not deliver it"


@contextmanager
def _what_it_says() -> Iterator[list[str]]:
    """Apprise gives its reasons to its logger only; they are kept from stderr, where nobody would redact them."""
    said: list[str] = []
    logger, handler = logging.getLogger("apprise"), logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
