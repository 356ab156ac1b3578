"""Notifications: to a local server, only of what was asked for, without a secret, and never at the cost of the run."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cleanup import notify
from cleanup.cli.aftermath import kinds_of
from cleanup.errors import ExitCode, UsageError
from cleanup.redaction import Redactor
from cleanup.reports import summary
from cleanup.reports.ended import MEANINGS, Ended, Kind
from tests.harness import EVERYTHING, Shop, shop

FAST = ("--instances", "60", "--licence", "ru_selfhosted", "--kill-seconds", "0.001")
TOKEN = "s3cr3t-token-of-nobody"  # noqa: S105 - of nobody


@dataclass(slots=True)
class Inbox:
    """A web hook of an administrator."""

    port: int
    status: int
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/{TOKEN}"


@contextmanager
def inbox(status: int = 200) -> Iterator[Inbox]:
    opened: Inbox

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            opened.received.append(json.loads(body) | {"path": self.path})
            self.send_response(opened.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    opened = Inbox(server.server_address[1], status)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(here: Shop, *words: str, **environment: str) -> tuple[int, str]:
    log = ("--log-file", "night.log")
    done = here.call("run", "rules.yaml", "--include-locked", *log, *words, **environment)
    told = done.stdout + done.stderr + (here.folder / "night.log").read_text(encoding="utf-8")
    assert TOKEN not in told
    assert here.secret not in told
    return done.returncode, told


def test_a_success_is_told_when_it_is_wanted_in_a_short_plain_text(tmp_path: Path) -> None:
    with inbox() as box, shop(tmp_path, *FAST) as here:
        here.rules(EVERYTHING)
        code, told = run(here, "--notify-on", "success", B24_NOTIFY_URLS=box.address)
        assert code == 0
        assert "notify.sent" in told
        (message,) = box.received
        portal = here.portal
    assert message["path"] == f"/{TOKEN}"
    assert portal in message["title"]
    assert "60 killed" in message["message"]
    assert len(message["message"]) < 500


def test_a_success_is_not_told_unless_it_is_wanted(tmp_path: Path) -> None:
    with inbox() as box, shop(tmp_path, *FAST) as here:
        here.rules(EVERYTHING)
        assert run(here, B24_NOTIFY_URLS=box.address)[0] == 0
    assert not box.received


@pytest.mark.parametrize(
    ("options", "rules", "code"),
    [
        (("--poison", "4"), EVERYTHING, 3),
        ((), EVERYTHING.replace("max_kill: off", "max_kill: 5"), 4),
        (("--not-administrator",), EVERYTHING, 5),
        ((), "version: 1\n", 2),
    ],
    ids=["some failed", "safety stop", "no rights", "rules of no use"],
)
def test_failures_and_safety_stops_are_told_with_the_next_command(
    tmp_path: Path, options: tuple[str, ...], rules: str, code: int
) -> None:
    with inbox() as box, shop(tmp_path, *FAST, *options) as here:
        here.rules(rules)
        (tmp_path / "notify").write_text(f"# the admins' chat\n{box.address}\n", encoding="utf-8")
        (tmp_path / "notify").chmod(0o600)
        assert run(here, "--notify-file", "notify")[0] == code
        (message,) = box.received
        assert here.portal in message["title"]
        assert here.secret not in message["message"]
    assert f"Exit {code}:" in message["message"]
    assert "Next: " in message["message"]


@pytest.mark.parametrize("trouble", ["refuses", "unreachable", "unknown kind", "no apprise"])
def test_a_notification_that_fails_is_told_and_changes_no_exit_code(tmp_path: Path, trouble: str) -> None:
    with inbox(500) as box, shop(tmp_path, *FAST) as here:
        here.rules(EVERYTHING)
        address = {"unreachable": f"json://127.0.0.1:9/{TOKEN}", "unknown kind": f"nosuch://{TOKEN}"}
        environment = {"B24_NOTIFY_URLS": address.get(trouble, box.address)}
        if trouble == "no apprise":
            (tmp_path / "apprise.py").write_text("raise ImportError('not installed')\n", encoding="utf-8")
            environment["PYTHONPATH"] = str(tmp_path)
        code, told = run(here, "--notify-on", "success", **environment)
    assert code == 0
    assert "the notification was not sent" in told
    assert "notify.not_sent" in told
    assert ("pip install 'b24-cleanup[notify]'" in told) == (trouble == "no apprise")


def test_a_notify_file_that_others_can_read_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with shop(tmp_path, *FAST) as here:
        here.rules(EVERYTHING)
        (tmp_path / "notify").write_text(f"json://127.0.0.1:9/{TOKEN}\n", encoding="utf-8")
        (tmp_path / "notify").chmod(0o644)
        code, told = run(here, "--notify-file", "notify")
        assert (code, here.ledger()["kills_effective"]) == (2, 0)
    assert "chmod 600" in told


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("tgram://123456789:AAFabcdefgh/-1001234567", ["123456789:AAFabcdefgh", "AAFabcdefgh", "-1001234567"]),
        ("slack://TokenAAAA/TokenBBBB/TokenCCCC/#general", ["TokenAAAA", "TokenBBBB", "TokenCCCC"]),
        ("mailtos://bot:pa%2Fssword@acme.example?to=admin@acme.example", ["pa/ssword", "pa%2Fssword"]),
        ("jsons://hooks.example/services/a1b2c3d4?token=zyxwvut", ["a1b2c3d4", "zyxwvut"]),
    ],
)
def test_every_part_of_an_address_that_may_be_a_secret_is_hidden(address: str, hidden: list[str]) -> None:
    redact = Redactor(*notify.secrets_of(address))
    assert redact(address).endswith("://<secret>")
    for part in hidden:
        assert part not in redact(f"cannot reach {part}!")
    assert redact("acme.example answered") == "acme.example answered", "a mail host is no secret"


def test_addresses_are_lines_or_words_and_need_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B24_NOTIFY_URLS", "json://a tgram://b\n# not this\nslack://c")
    assert notify.addresses(None) == ("json://a", "tgram://b", "slack://c")
    monkeypatch.setenv("B24_NOTIFY_URLS", f"json://a {TOKEN}")
    with pytest.raises(UsageError) as refused:
        notify.addresses(None)
    assert TOKEN not in str(refused.value)


def test_kinds_are_named_and_a_misspelt_one_is_refused() -> None:
    assert kinds_of("failure, success") == {Kind.FAILURE, Kind.SUCCESS}
    assert kinds_of("") == frozenset()
    with pytest.raises(UsageError, match="sucess"):
        kinds_of("sucess")


@pytest.mark.parametrize("code", [*ExitCode])
def test_every_exit_code_has_its_meaning_and_its_next_command(code: ExitCode) -> None:
    ended = Ended(
        verb="run",
        portal="acme.bitrix24.ru",
        rules="nightly",
        exit_code=code,
        message="",
        at=datetime(2026, 11, 24, tzinfo=UTC),
        seconds=1.0,
    )
    assert MEANINGS[code].says in summary.title(ended)
    following = summary.next_command(ended)
    assert bool(following) == (code != ExitCode.DONE)
    assert not {"RUN", "RULES", "PORTAL"} & set(following.split())
