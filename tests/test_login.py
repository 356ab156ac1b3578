"""`login`: from the browser's way back to a credentials file, and whatever can go wrong on it."""

import json
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from cleanup.errors import SafetyStop, UsageError
from cleanup.portal.code_flow import Login, code_in, portal_in
from tests.harness import Shop, shop
from tests.oauth import CLIENT_SECRET, TOKENS, write_credentials

WORDS = ("--client-id", "local.sandbox", "--oauth-file", "b24.json")
SECRET = {"B24_CLIENT_SECRET": CLIENT_SECRET, "B24_WEBHOOK_URL": ""}


@contextmanager
def started(here: Shop, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A login that waits for its code; ended by its own pid if it still does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cleanup", "login", here.portal, *WORDS, *words],
        env=here.environment(**SECRET),
        cwd=here.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("http://"):
            return line.strip()
    raise AssertionError("no address was printed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def visit(address: str) -> str:
    """As a browser does, redirects and all."""
    try:
        with urlopen(address, timeout=20) as page:  # noqa: S310 - of this machine
            return str(page.url) + "\n" + page.read().decode()
    except HTTPError as error:
        return error.read().decode()


def test_the_code_of_a_page_is_pasted_and_the_access_is_kept_and_probed(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "7", "--licence", "ru_selfhosted") as here, started(here) as process:
        address = address_of(process)
        assert parse_qs(urlsplit(address).query)["client_id"] == ["local.sandbox"]
        code = visit(address).split()[-1]
        stdout, stderr = process.communicate(f"{code}\n", timeout=60)
        assert process.returncode == 0, stderr
        assert "7 running" in stdout
        file = tmp_path / "b24.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        stored = json.loads(file.read_text(encoding="utf-8"))
        assert (stored["portal"], stored["refresh_token"]) == (here.portal, "refresh1")
        assert not TOKENS.search(stdout + stderr)
        checked = here.call("check", "--oauth-file", "b24.json", B24_WEBHOOK_URL="")
        assert (checked.returncode, "application local.sandbox, from the file b24.json" in checked.stdout) == (0, True)


def test_a_browser_that_comes_back_is_caught_on_loopback(tmp_path: Path) -> None:
    port = free_port()
    handler = f"http://127.0.0.1:{port}/"
    options = ("--instances", "7", "--licence", "ru_selfhosted", "--handler", handler)
    with shop(tmp_path, *options) as here, started(here, "--listen", str(port)) as process:
        address = address_of(process)
        assert process.stderr is not None
        assert "waiting on" in process.stderr.readline()
        wait_for_port(port)
        assert "another login" in visit(f"{handler}?code=x&state=guessed"), "and it goes on waiting"
        assert "has arrived" in visit(address)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        assert here.ledger()["tokens"]["logins"] == 1
        assert not TOKENS.search(stdout + stderr)


def wait_for_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


@pytest.mark.parametrize(
    ("switches", "paste", "code", "words"),
    [
        pytest.param({}, "nonsense", 5, "used already, or is older", id="a wrong code"),
        pytest.param({}, "http://app.example/?code={code}&state=other", 4, "another login", id="another state"),
        pytest.param({}, "", 2, "no code", id="nothing"),
        pytest.param({"application": "wrong_client"}, "{code}", 5, "client_id or client_secret", id="wrong client"),
        pytest.param({"application": "payment_required"}, "{code}", 5, "paid time", id="unpaid"),
        pytest.param(
            {"endpoint": "http://127.0.0.1:9/rest/"}, "{code}", 4, "tokens are of 127.0.0.1:9", id="other portal"
        ),
        pytest.param({"next_tokens": {"drop_after": 1}}, "{code}", 6, "no answer", id="no answer"),
    ],
)
def test_a_login_that_fails_says_why_and_leaves_no_file(
    tmp_path: Path, switches: dict[str, object], paste: str, code: int, words: str
) -> None:
    with shop(tmp_path, "--instances", "7", "--licence", "ru_selfhosted") as here, started(here) as process:
        given = visit(address_of(process)).split()[-1]
        with urlopen(f"http://{here.portal}/sandbox/faults", json.dumps(switches).encode(), timeout=20):
            pass
        stdout, stderr = process.communicate(paste.format(code=given) + "\n", timeout=60)
    assert process.returncode == code, stderr
    assert words in stderr
    assert not TOKENS.search(stdout + stderr)
    assert not re.search(r"Traceback", stderr)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("b24.json") and file.suffix != ".lock"]


@pytest.mark.parametrize(
    ("words", "environment", "code", "told"),
    [
        pytest.param((), {"B24_CLIENT_SECRET": ""}, 2, "--client-secret-from SOURCE", id="no secret"),
        pytest.param(("--client-secret-from", CLIENT_SECRET), {}, 2, "named by its place", id="secret as an argument"),
        pytest.param(
            ("--token-endpoint", "http://oauth.example/token/"), {}, 2, "away from this machine", id="led away"
        ),
        pytest.param(("--oauth-file", "none/b24.json"), {}, 2, "cannot be written", id="no folder"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_asked(
    tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], code: int, told: str
) -> None:
    here = Shop("http://127.0.0.1:9/rest/1/x/", tmp_path)
    done = here.call("login", here.portal, *WORDS, *words, **(SECRET | environment))
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "http://127.0.0.1:9/oauth" not in done.stderr
    assert CLIENT_SECRET not in done.stderr


def test_a_file_of_another_portal_is_not_overwritten(tmp_path: Path) -> None:
    file = write_credentials(tmp_path / "b24.json", "127.0.0.1:10")
    before = file.read_bytes()
    here = Shop("http://127.0.0.1:9/rest/1/x/", tmp_path)
    done = here.call("login", here.portal, *WORDS, **SECRET)
    assert done.returncode == 4
    assert "holds the access to 127.0.0.1:10" in done.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("named", "scheme", "identity"),
    [
        ("acme.bitrix24.ru", "https", "acme.bitrix24.ru"),
        ("https://Acme.Bitrix24.ru/company/", "https", "acme.bitrix24.ru"),
        ("box.acme.example:8443", "https", "box.acme.example:8443"),
        ("127.0.0.1:8090", "http", "127.0.0.1:8090"),
        ("https://localhost/", "https", "localhost"),
    ],
)
def test_a_portal_is_named_by_host_or_address(named: str, scheme: str, identity: str) -> None:
    assert portal_in(named) == (scheme, identity)


@pytest.mark.parametrize(
    "named", ["http://acme.bitrix24.ru", "", "https://", "a b", "https://u:p@acme.ru/", "acme.ru:x"]
)
def test_what_is_no_portal_is_refused(named: str) -> None:
    with pytest.raises(UsageError):
        portal_in(named)


@pytest.mark.parametrize(
    ("portal", "server"),
    [
        ("acme.bitrix24.ru", "https://oauth.bitrix24.tech/oauth/token/"),
        ("acme.bitrix24.kz", "https://oauth.bitrix24.tech/oauth/token/"),
        ("acme.bitrix24.de", "https://oauth.bitrix.info/oauth/token/"),
        ("box.acme.ru:8443", "https://oauth.bitrix24.tech/oauth/token/"),
        ("127.0.0.1:8090", "http://127.0.0.1:8090/oauth/token/"),
    ],
)
def test_the_token_server_follows_from_the_portals_domain(portal: str, server: str) -> None:
    login = Login(scheme="https", portal=portal, client_id="a", client_secret="b")  # noqa: S106 - of nobody
    assert login.token_address == server
    assert "b" not in repr(login).replace("bitrix", "").replace("box", "")


def test_the_state_is_another_one_each_time_and_is_checked() -> None:
    first, second = (Login(scheme="https", portal="a.ru", client_id="a", client_secret="b") for _ in range(2))  # noqa: S106
    assert first.state != second.state
    assert code_in(f"https://app.example/?code=c0de&state={first.state}&domain=a.ru\n", first.state) == "c0de"
    assert code_in(" c0de \n", first.state) == "c0de"
    for wrong in (f"https://app.example/?code=c0de&state={second.state}", "https://app.example/?code=c0de"):
        with pytest.raises(SafetyStop, match="another login"):
            code_in(wrong, first.state)
    with pytest.raises(UsageError, match="no code"):
        code_in(f"https://app.example/?state={first.state}", first.state)
