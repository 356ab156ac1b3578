"""A sandbox as a process of its own, for one client, and what its ledger says afterwards."""

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmark.scenarios import Scenario

_CERTIFICATES = Path(__file__).parents[2] / "tests" / "certificates"
#: For 127.0.0.1 and a hundred years; trusted by nobody but the clients of these runs.
CERTIFICATE, _KEY = _CERTIFICATES / "self-signed.pem", _CERTIFICATES / "self-signed.key"


@dataclass(frozen=True, slots=True)
class Stage:
    scenario: Scenario
    webhook: str
    folder: Path

    @property
    def host(self) -> str:
        return self.webhook.split("/")[2]

    def instances(self) -> list[str]:
        """Ids of all that run, in order."""
        return sorted(row["ID"] for row in self._read("instances"))

    def ledger(self) -> dict[str, Any]:
        return dict(self._read("ledger"))

    def _read(self, what: str) -> Any:
        scheme = self.webhook.split("/")[0]
        trust = ssl.create_default_context(cafile=CERTIFICATE) if scheme == "https:" else None
        with urlopen(f"{scheme}//{self.host}/sandbox/{what}", timeout=60, context=trust) as answer:  # noqa: S310 - our sandbox
            return json.load(answer)


@contextmanager
def open_stage(scenario: Scenario, folder: Path, *, tls: bool) -> Iterator[Stage]:
    words = ["--port", "0", *scenario.options, *(["--tls", str(CERTIFICATE), str(_KEY)] if tls else [])]
    command = [sys.executable, "-m", "cleanup.sandbox", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as portal:
        assert portal.stdout is not None
        try:
            yield Stage(scenario, portal.stdout.readline().strip(), folder)
        finally:
            portal.terminate()
