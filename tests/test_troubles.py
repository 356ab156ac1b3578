"""What goes wrong for a user: one clear message with the way out, the right exit code, nothing sent, no secret told."""

import json
import resource
import shutil
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cleanup.errors import ExitCode
from tests.harness import EVERYTHING, RULES, Shop, shop

CERTIFICATES = Path(__file__).parent / "certificates"
SECRET = "s3cr3t0f0the0w3bh00k"  # noqa: S105 - of no portal
FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001", "--secret", SECRET)
#: A message says what to do in a few lines; more is a dump.
MOST_LINES = 4


def clear(done: CompletedProcess[str], code: ExitCode, *words: str) -> None:
    """One clear message, the exit code, no traceback."""
    told = done.stderr.strip()
    assert done.returncode == code, (done.returncode, done.stdout, told)
    assert "Traceback" not in told
    assert "unexpected error" not in told
    assert 1 <= len(told.splitlines()) <= MOST_LINES, told
    for word in words:
        assert word.lower() in told.lower(), told
    assert SECRET not in done.stdout + told


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The webhook of a sandbox on which no test here ends anything."""
    with shop(tmp_path_factory.mktemp("portal"), "--instances", "300", *FAST) as opened:
        yield opened.webhook
        assert opened.ledger()["kills_effective"] == 0


@pytest.fixture
def here(portal: str, tmp_path: Path) -> Shop:
    return Shop(portal, tmp_path)


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
def test_a_wrong_webhook(here: Shop, verb: str) -> None:
    words = [verb] if verb == "check" else [verb, here.rules(EVERYTHING)]
    wrong = here.webhook.replace(SECRET, "anothersecret00")
    done = here.call(*words, B24_WEBHOOK_URL=wrong)
    clear(done, ExitCode.ACCESS, "webhook", "wrong, deleted")
    assert "anothersecret00" not in done.stdout + done.stderr


@pytest.mark.parametrize("verb", ["check", "plan"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--not-administrator",), ("administrator",)),
        (("--scopes", "user_brief"), ("scope", "bizproc")),
        (("--no-bizproc",), ("plan", "business processes")),
    ],
)
def test_a_webhook_without_the_rights(
    tmp_path: Path, verb: str, option: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with shop(tmp_path, "--instances", "50", *FAST, *option) as here:
        named = [verb] if verb == "check" else [verb, here.rules(EVERYTHING)]
        clear(here.call(*named), ExitCode.ACCESS, *words)


def test_an_unreachable_host(here: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/rest/1/{SECRET}/"
        clear(
            here.call("check", at_once=True, B24_WEBHOOK_URL=nobody),
            ExitCode.STOPPED_EARLY,
            "cannot be reached",
            "network",
        )
    unknown = f"https://no-such-portal.invalid/rest/1/{SECRET}/"
    clear(
        here.call("check", at_once=True, B24_WEBHOOK_URL=unknown),
        ExitCode.STOPPED_EARLY,
        "no-such-portal.invalid",
        "reached",
    )


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None], *, tls: bool = False) -> Iterator[str]:
    """A server that is no portal; yields its scheme, host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / "self-signed.pem", CERTIFICATES / "self-signed.key")
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://localhost:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


def page(status: int) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        body = b"<!DOCTYPE html><html><title>Authorization</title></html>"
        request.send_response(status)
        request.send_header("Content-Type", "text/html; charset=UTF-8")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_a_certificate_that_nobody_vouches_for(here: Shop) -> None:
    with server(page(200), tls=True) as address:
        done = here.call("check", at_once=True, B24_WEBHOOK_URL=f"{address}/rest/1/{SECRET}/")
    clear(done, ExitCode.STOPPED_EARLY, "certificate", "not trusted")


def test_a_web_page_instead_of_an_answer(here: Shop) -> None:
    with server(page(200)) as address:
        done = here.call("check", at_once=True, B24_WEBHOOK_URL=f"{address}/rest/1/{SECRET}/")
    clear(done, ExitCode.STOPPED_EARLY, "not JSON", "address")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "set B24_WEBHOOK_URL"),
        (f"http://portal.example/rest/1/{SECRET}/", "plain http"),
        (f"https://portal..example/rest/1/{SECRET}/", "not an address"),
        (f"https://{'x' * 70}.example/rest/1/{SECRET}/", "not an address"),
        (f"https://portal.example/rest/{SECRET}/", "/rest/<user>/<secret>/"),
        (f"https://portal.example/rest/1/{SECRET}/profile.json", "more behind it"),
        (f"portal.example/rest/1/{SECRET}/", "https://"),
        (f"https://portal.example:port/rest/1/{SECRET}/", "not an address"),
        (f"https://user:{SECRET}@portal.example/rest/1/{SECRET}/", "nothing but"),
    ],
)
def test_a_webhook_that_is_none(tmp_path: Path, address: str, words: str) -> None:
    clear(Shop(address, tmp_path).call("check"), ExitCode.USAGE, words)


def test_a_webhook_file_that_others_can_read(here: Shop) -> None:
    file = here.folder / "webhook"
    file.write_text(here.webhook, encoding="utf-8")
    file.chmod(0o644)
    clear(here.call("check", "--webhook-file", "webhook", B24_WEBHOOK_URL=""), ExitCode.USAGE, "chmod 600")
    file.chmod(0o600)
    assert here.call("check", "--webhook-file", "webhook", B24_WEBHOOK_URL="").returncode == 0
    clear(here.call("check", "--webhook-file", "absent"), ExitCode.USAGE, "absent", "cannot be read")


def test_a_directory_that_cannot_be_written(here: Shop) -> None:
    (here.folder / "file").write_text("", encoding="utf-8")
    beneath_a_file = str(here.folder / "file" / "state")
    done = here.call("plan", here.rules(EVERYTHING), "--state-dir", beneath_a_file)
    clear(done, ExitCode.USAGE, "cannot be written", "--state-dir")
    done = here.call("plan", "rules.yaml", "--checkpoint", "file/run.sqlite")
    clear(done, ExitCode.USAGE, "cannot be written")


def test_a_disk_that_fills_up_while_planning_and_while_applying(tmp_path: Path) -> None:
    """The kernel refuses to let the checkpoint grow, as a full disk does; with room again, the work goes on."""
    with shop(tmp_path, "--instances", "300", *FAST) as here:
        rules = here.rules(EVERYTHING)
        done = _on_a_disk_of(60_000, here, "plan", rules, "--include-locked", "--checkpoint", "run.sqlite")
        clear(done, ExitCode.STOPPED_EARLY, "run.sqlite", "disk")
        planned = here.call("plan", rules, "--include-locked", "--checkpoint", "run.sqlite")
        assert planned.returncode == 0, planned.stderr
        apply = ("apply", "run.sqlite", "--confirm", here.portal)
        clear(_on_a_disk_of(20_000, here, *apply), ExitCode.STOPPED_EARLY, "run.sqlite", "disk")
        assert here.call(*apply).returncode == 0
        assert here.ledger()["kills_effective"] == 300
        assert here.ledger()["kills_repeated"] == 0


def _on_a_disk_of(size: int, here: Shop, *words: str) -> CompletedProcess[str]:
    return here.call(*words, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


@pytest.mark.parametrize("verb", ["apply", "status", "report", "verify"])
def test_a_file_that_is_no_checkpoint(here: Shop, verb: str) -> None:
    assert here.call("plan", here.rules(EVERYTHING), "--checkpoint", "run.sqlite").returncode == 0
    whole = (here.folder / "run.sqlite").read_bytes()
    (here.folder / "text.sqlite").write_text("nothing of the kind\n" * 100, encoding="utf-8")
    (here.folder / "cut.sqlite").write_bytes(whole[: len(whole) // 2])
    (here.folder / "broken.sqlite").write_bytes(whole[:8192] + bytes(8192) + whole[16384:])
    (here.folder / "empty.sqlite").write_bytes(b"")
    with sqlite3.connect(here.folder / "foreign.sqlite") as database:
        database.execute("CREATE TABLE entry (id)")
    for name in ("text", "cut", "broken", "empty", "foreign"):
        done = here.call(verb, f"{name}.sqlite", *(["--confirm", here.portal] if verb == "apply" else []))
        clear(done, ExitCode.USAGE, f"{name}.sqlite")
    clear(here.call(verb, "absent.sqlite"), ExitCode.USAGE, "absent.sqlite")


def test_a_checkpoint_of_a_newer_version(here: Shop) -> None:
    assert here.call("plan", here.rules(EVERYTHING), "--checkpoint", "run.sqlite").returncode == 0
    with sqlite3.connect(here.folder / "run.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    clear(here.call("status", "run.sqlite"), ExitCode.USAGE, "another version")


def test_apply_without_a_confirmation_where_nobody_can_be_asked(here: Shop) -> None:
    assert here.call("plan", here.rules(EVERYTHING)).returncode == 0
    done = here.call("apply", "last")
    assert done.returncode == ExitCode.USAGE
    assert f"--confirm {here.portal}" in done.stderr
    clear(here.call("apply", "last", "--confirm", "other.bitrix24.ru"), ExitCode.SAFETY_STOP, "Nothing was ended")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan", "absent.yaml"), "absent.yaml"),
        (("plan", "rules.yaml", "--now", "yesterday"), "--now"),
        (("apply", "last", "--until", "25:00"), "--until"),
        (("apply", "last", "--until", ""), "--until"),
        (("plan", "rules.yaml", "--now", "0001-01-01T00:00:00+03:00"), "--now"),
        (("plan", "rules.yaml", "--now", "9999-12-31T23:59:59-05:00"), "--now"),
        (("plan", "rules.yaml", "--now", "0001-01-01"), "--now"),
        (("apply", "last", "--max-duration", ""), "--max-duration"),
        (("apply", "last", "--max-duration", "4"), "--max-duration"),
        (("apply", "last", "--max-duration", "2 months"), "--max-duration"),
        (("status", "20200101-000000-abcd"), "no run"),
        (("status", "last"), "no run yet"),
    ],
)
def test_an_option_that_makes_no_sense(here: Shop, words: tuple[str, ...], told: str) -> None:
    here.rules(EVERYTHING)
    clear(here.call(*words), ExitCode.USAGE, told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan",), "RULES"),
        (("plan", "rules.yaml", "--bogus"), "--bogus"),
        (("aply",), "aply"),
        (("apply", "last", "--max-kill", "many"), "--max-kill"),
        (("plan", "rules.yaml", "-o", "xml"), "xml"),
    ],
)
def test_a_wrong_command_line_is_explained_with_its_usage(here: Shop, words: tuple[str, ...], told: str) -> None:
    done = here.call(*words)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr
    assert "Usage: " in done.stderr
    assert "unexpected" not in done.stderr


def test_without_a_verb_the_help_is_shown_and_the_version_on_demand(here: Shop) -> None:
    bare = here.call()
    assert bare.returncode == ExitCode.USAGE
    assert "plan" in bare.stdout + bare.stderr
    assert here.call("--help").returncode == 0
    assert here.call("--version").stdout.startswith("b24-cleanup ")


def test_the_secret_is_nowhere(tmp_path: Path) -> None:
    """Not on a screen, in a verbose log or in a file, through a whole life with faults; not in a process list."""
    with shop(
        tmp_path, "--instances", "400", *FAST, "--fault", "drop_after=0.1", "--fault", "html=0.1", "--crash", "1"
    ) as here:
        rules = here.rules(RULES)
        told = [
            here.call("check", "-v", at_once=True),
            here.call("plan", rules, "-v", at_once=True),
            here.call("apply", "last", "--confirm", here.portal, "-v", at_once=True),
            here.call("status", "last", "-o", "json", at_once=True),
            here.call("report", "last", "--format", "json", "--file", "report.json"),
            here.call("verify", "last", "-v", at_once=True),
            here.call("run", rules, "-v", "-o", "json", at_once=True),
        ]
        process = here.start("plan", rules)
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()
        process.communicate()
    assert any("request_failed" in done.stderr for done in told), "the faults were seen"
    assert all(SECRET not in done.stdout + done.stderr for done in told)
    assert SECRET.encode() not in arguments
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 5
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]


def test_files_of_a_run_are_for_their_owner_only(here: Shop) -> None:
    assert here.call("plan", here.rules(EVERYTHING)).returncode == 0
    state = here.folder / "state"
    assert all(path.stat().st_mode & 0o077 == 0 for path in [state, *state.rglob("*")] if path.is_dir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in state.rglob("*.sqlite"))


def test_a_plan_that_is_deleted_is_just_gone(here: Shop) -> None:
    assert here.call("plan", here.rules(EVERYTHING)).returncode == 0
    shutil.rmtree(here.folder / "state")
    clear(here.call("status"), ExitCode.USAGE, "no run yet")
    assert json.loads(here.call("runs", "-o", "json").stdout) == []
