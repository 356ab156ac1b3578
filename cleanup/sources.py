"""Where a secret comes from: an environment variable, a file, a systemd credential or the system's keyring.

A source names the place and never holds the secret, so it may be an argument, stand in a file and be shown.
"""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cleanup import private_file
from cleanup.errors import UsageError

#: The service under which the keyring holds what is ours: `keyring set b24-cleanup NAME`.
SERVICE = "b24-cleanup"


class Kind(StrEnum):
    ENV = "env"
    FILE = "file"
    #: A file that systemd puts into $CREDENTIALS_DIRECTORY (LoadCredential=, SetCredentialEncrypted=).
    CREDENTIAL = "credential"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class Source:
    """The place of a secret. As text it is for people: “the file /etc/b24/webhook”."""

    kind: Kind
    #: A variable's name, a path, a credential's name, or the name of the keyring's entry.
    name: str

    def __str__(self) -> str:
        return f"{_CALLED[self.kind]} {self.name}"


_CALLED = {
    Kind.ENV: "the environment variable",
    Kind.FILE: "the file",
    Kind.CREDENTIAL: "the systemd credential",
    Kind.KEYRING: "the keyring entry",
}


def parse(text: str) -> Source:
    """`env:NAME`, `file:PATH`, `credential:NAME` or `keyring:NAME`. Raises UsageError, which does not repeat the text:

    somebody may have put the secret itself there.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in {*Kind} or not name:
        raise UsageError(
            "A secret is named by its place: env:NAME, file:PATH, credential:NAME or keyring:NAME. "
            "It is never an argument itself: a process list shows arguments."
        )
    return Source(Kind(kind), name)


def read(source: Source, what: str) -> str:
    """The secret, without blanks around it. Raises UsageError, which calls it `what`, when there is none."""
    text = _READ[source.kind](source.name, what).strip()
    if not text:
        raise UsageError(f"The {what} is empty: {source}.")
    return text


def _from_environment(name: str, what: str) -> str:
    if name not in os.environ:
        raise UsageError(f"The {what} is to come from the environment variable {name}, which is not set.")
    return os.environ[name]


def _from_file(name: str, what: str) -> str:
    return private_file.read(Path(name).expanduser(), f"{what} file")


def _from_credentials(name: str, what: str) -> str:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise UsageError(
            f"The {what} is to be the systemd credential {name}, but there are none here: $CREDENTIALS_DIRECTORY is "
            f"not set. The service needs a line such as LoadCredential={name}:/etc/b24-cleanup/{name}."
        )
    if Path(name).name != name or name in {".", ".."}:
        raise UsageError(f"A systemd credential has a plain name, not a path: {name}.")
    return private_file.read(Path(folder) / name, f"{what} credential")


def _from_keyring(name: str, what: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError, NoKeyringError
    except ImportError:
        raise UsageError(
            f"The {what} is to come from the keyring, which needs the extra: pip install 'b24-cleanup[keyring]'"
        ) from None
    try:
        secret = keyring.get_password(SERVICE, name)
    except NoKeyringError:
        raise UsageError(
            f"The {what} is to come from the keyring, but this machine has none that works "
            "(see: keyring --list-backends). Without a desktop session a file or a systemd credential does it."
        ) from None
    except (KeyringError, OSError) as error:
        raise UsageError(
            f"The keyring cannot be read for the {what}: {type(error).__name__}. Is it unlocked?"
        ) from None
    if secret is None:
        raise UsageError(f"The keyring has no entry {name} of {SERVICE}. Put it there: keyring set {SERVICE} {name}")
    return secret


_READ = {
    Kind.ENV: _from_environment,
    Kind.FILE: _from_file,
    Kind.CREDENTIAL: _from_credentials,
    Kind.KEYRING: _from_keyring,
}
