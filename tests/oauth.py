"""What the tests of OAuth share: a sandbox's application, its credentials file, what the sandbox says of the tokens."""

import json
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cleanup.commands import Setting
from cleanup.portal.application import Application
from cleanup.redaction import Redactor
from tests.harness import Bench, Shop, shop

MEMBER = "5a1d0b0c9e5f4d3a8b7c6d5e4f3a2b1c"
CLIENT_SECRET = "sandbox0application0key"  # noqa: S105 - of the sandbox
#: Everything that must be in the credentials file only.
TOKENS = re.compile(rf"access\d+|refresh\d+|{CLIENT_SECRET}|(?<![0-9a-f])[0-9a-f]{{40}}(?![0-9a-f])")


def credentials(portal: str, /, **changed: str) -> dict[str, str]:
    """As they are after a login on a fresh sandbox."""
    return {
        "portal": portal,
        "member_id": MEMBER,
        "client_id": "local.sandbox",
        "client_secret": CLIENT_SECRET,
        "access_token": "access0",
        "refresh_token": "refresh0",
        "client_endpoint": f"http://{portal}/rest/",
        "server_endpoint": f"http://{portal}/rest/",
        "token_endpoint": "",
    } | changed


def write_credentials(file: Path, portal: str, /, **changed: str) -> Path:
    file.write_text(json.dumps(credentials(portal, **changed)), encoding="utf-8")
    file.chmod(0o600)
    return file


@dataclass(frozen=True, slots=True)
class OAuthShop(Shop):
    """The tool as a user starts it who has logged in."""

    @property
    def file(self) -> Path:
        return self.folder / "b24.json"

    def environment(self, **more: str) -> dict[str, str]:
        return {**super(OAuthShop, self).environment(), "B24_WEBHOOK_URL": "", "B24_OAUTH_FILE": str(self.file)} | more

    def tokens(self) -> dict[str, Any]:
        """What the token server did."""
        found: dict[str, Any] = self.ledger()["tokens"]
        return found

    def change(self, **switches: Any) -> None:
        with urlopen(f"http://{self.portal}/sandbox/faults", json.dumps(switches).encode(), timeout=20) as answer:
            assert answer.status == 200

    def stored(self) -> dict[str, str]:
        assert stat.S_IMODE(self.file.stat().st_mode) == 0o600
        found: dict[str, str] = json.loads(self.file.read_text(encoding="utf-8"))
        return found


class OAuthBench(Bench):
    """The verbs of one process after the other, each of which reads the credentials file anew."""

    @property
    def file(self) -> Path:
        return self.folder / "b24.json"

    @property
    def portal(self) -> str:
        return self.sandbox.url.split("/")[2]

    @property
    def setting(self) -> Setting:
        if not self.file.exists():
            write_credentials(self.file, self.portal)
        return replace(super().setting, authorization=Application.opened(self.file, Redactor()))

    def stored(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.file.read_text(encoding="utf-8"))
        return found


@contextmanager
def oauth_shop(folder: Path, *words: str) -> Iterator[OAuthShop]:
    with shop(folder, "--licence", "ru_selfhosted", "--kill-seconds", "0.001", *words) as here:
        there = OAuthShop(here.webhook, folder)
        write_credentials(there.file, there.portal)
        yield there
