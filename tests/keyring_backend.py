"""A keyring for tests, chosen by PYTHON_KEYRING_BACKEND: its entries are in the JSON file $TEST_KEYRING."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked


class Keyring(KeyringBackend):
    priority = 1  # type: ignore[assignment] # the base class computes it

    def get_password(self, service: str, username: str) -> str | None:
        if os.environ.get("TEST_KEYRING_LOCKED"):
            raise KeyringLocked("Failed to unlock the collection!")
        entries = json.loads(Path(os.environ["TEST_KEYRING"]).read_text(encoding="utf-8"))
        return entries.get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError
