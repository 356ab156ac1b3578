"""`check` as a doctor: each of its lines when all is well, when something is odd, and when nothing works."""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cleanup import commands
from cleanup.errors import ExitCode
from cleanup.portal import auth
from cleanup.reports.checkup import Finding, failure_of, judged
from cleanup.reports.checkup.shown import as_json
from cleanup.sandbox import Fault, Refusal
from cleanup.sandbox.errors import RestError
from tests.conftest import Open
from tests.harness import Bench, Shop, shop
from tests.test_terminal import ESCAPE, terminal

CLOUD = {"licence": "ru_pro100", "bucket": None}
#: The methods that only read; nothing else may be called by `check`.
READING = {
    *("batch", "profile", "user.admin", "app.info", "scope", "method.get", "server.time"),
    *("bizproc.workflow.instances",),
}
LINES = [
    *("portal", "certificate", "redirect", "access", "administrator", "scope", "methods", "limits", "limiter"),
    *("clock", "dates", "generation", "instances", "round trip"),
]


class Checked:
    """What a check of a portal found, by its name."""

    def __init__(self, findings: list[Finding], document: dict[str, Any]) -> None:
        self.findings, self.document = findings, document
        self.lines = {finding.name: finding for finding in findings}
        assert len(self.lines) == len(findings), "a name stands for one line"

    def line(self, name: str) -> str:
        """Level, text and advice."""
        finding = self.lines[name]
        return f"{finding.level}: {finding.text} | {finding.advice}"

    @property
    def exit(self) -> int:
        code = self.document["exit"]
        assert isinstance(code, int)
        return code


async def check(here: Bench, webhook: str = "") -> Checked:
    """Checks, and looks into the portal's ledger: nothing but reading methods were called."""
    setting = here.setting
    if webhook:
        setting = replace(setting, authorization=auth.parse(webhook))
    found = await commands.check(setting)
    ledger = here.sandbox.ledger
    assert ledger.calls.keys() <= READING
    assert ledger.kills_effective == 0
    assert not ledger.asked
    findings = judged(found)
    document = as_json(findings, found)
    assert document["exit"] == int(getattr(failure_of(findings, found), "exit_code", 0))
    assert here.sandbox.settings.secret not in json.dumps(document)
    return Checked(findings, document)


async def test_a_portal_that_is_well_gets_a_line_for_everything_in_one_batch(bench: Open) -> None:
    async with bench(instances=120, **CLOUD) as here:
        found = await check(here)
        assert here.sandbox.ledger.requests == 1
    assert [finding.name for finding in found.findings] == LINES
    assert {finding.level for finding in found.findings} == {"ok"}
    assert found.exit == 0
    assert "user 1 (Анна Соколова) is an administrator" in found.line("administrator")
    assert "120 running" in found.line("instances")
    assert "50 requests, then 2/s" in found.line("limits")
    assert re.search(r"connected in \d\.\d+ s", found.line("portal"))
    assert re.search(r"\d\.\d+ s for 12 questions", found.line("round trip"))
    assert found.line("access") == "ok: incoming webhook of user 1, from B24_WEBHOOK_URL | "


@pytest.mark.parametrize(
    ("settings", "name", "told"),
    [
        pytest.param(
            {"licence": "ru_ent250", "bucket": None}, "limits", "ok: .*Enterprise: 250.* 5/s", id="enterprise"
        ),
        pytest.param({}, "limits", "ok: .*self-hosted: no limit", id="self-hosted"),
        pytest.param({"licence": ""}, "limits", "warning: licence unknown, .*pace.requests", id="no licence"),
        pytest.param({"billing": "absent"}, "limiter", "ok: off", id="no limiter on a box"),
        pytest.param({"billing": "absent", **CLOUD}, "limiter", "warning: .*no counter.*proxy", id="none in the cloud"),
        pytest.param({"billing": "null"}, "limiter", "warning: .*does not tell", id="null counters"),
        pytest.param({"generation": "G1"}, "limiter", "ok: on: .*inside a batch, not the batch.*nothing", id="old"),
        pytest.param({"generation": "G3"}, "limiter", "ok: on: .*batch as a method of its own, at half", id="newest"),
        pytest.param({"instances": 0}, "limiter", "ok: on: how it bills will be seen", id="nothing to see"),
        pytest.param(
            {"billing": "both", "list_seconds": 0.1},
            "limiter",
            "ok: on: .*and the batch as well; .* has used",
            id="both",
        ),
        pytest.param(
            {"billing": "batch_half", "list_seconds": 0.1}, "limiter", "ok: .*its own; batch has used", id="batches"
        ),
        pytest.param(
            {"billing": "subcalls", "list_seconds": 0.11}, "limiter", "ok: .*not the batch; bizproc", id="calls"
        ),
        pytest.param({"clock_skew": 600.0}, "clock", "warning: the portal is (599|600) s ahead.*NTP", id="ahead"),
        pytest.param({"clock_skew": -86400.0}, "clock", r"warning: the portal is 86,40[01] s behind.*NTP", id="behind"),
        pytest.param({"clock_skew": 60.0}, "clock", "ok: (59|60|61) s apart", id="hardly apart"),
        pytest.param({"generation": "G1"}, "generation", "warning: G1.*include-locked.*verify", id="G1"),
        pytest.param({"generation": "G2"}, "generation", "warning: G2.*include-locked.*verify", id="G2"),
        pytest.param({"generation": "G3"}, "generation", "ok: G3", id="G3"),
        pytest.param({"instances": 0}, "generation", "ok: not seen", id="no instance tells the generation"),
        pytest.param(
            {"user_offset": 8.0}, "dates", r"warning: the user is 5 h ahead.*\+03:00.*measured.*margin", id="east"
        ),
        pytest.param({"user_offset": -5.0}, "dates", "warning: the user is 8 h behind.*measured", id="west"),
        pytest.param({"user_offset": 3.0}, "dates", "ok: the user has the server's zone", id="the same zone by name"),
        pytest.param(
            {"utc_offset": 5.5, "user_offset": 3.0, "generation": "G1"},
            "dates",
            r"warning: .*2.5 h behind.*\+05:30",
            id="G1",
        ),
        pytest.param(
            {"user_offset": 8.0, "instances": 0}, "dates", "warning: .*by the zones, not measured", id="empty"
        ),
        pytest.param({"latency": 2.05}, "round trip", r"warning: 2\.\d+ s .*slow", id="slow"),
    ],
)
async def test_what_is_odd_is_a_warning_with_what_to_do(
    bench: Open, settings: dict[str, Any], name: str, told: str
) -> None:
    async with bench(**({"instances": 60} | settings)) as here:
        found = await check(here)
    assert re.match(told, found.line(name)), found.line(name)
    assert found.exit == 0, "a warning is no failure"


@pytest.mark.parametrize(
    ("settings", "name", "told"),
    [
        pytest.param({"administrator": False}, "administrator", "no administrator.*administrator create", id="user"),
        pytest.param({"scopes": ("user_brief",)}, "scope", "bizproc is missing; granted: user_brief.*Add", id="scope"),
        pytest.param({"scopes": ("user_brief",)}, "methods", "closed to this webhook.*scope", id="closed methods"),
        pytest.param({"bizproc": False}, "methods", "has no bizproc.*plan lacks business processes", id="plan"),
        pytest.param({"bizproc": False}, "instances", "cannot be listed: ERROR_METHOD_NOT_FOUND", id="no list"),
    ],
)
async def test_rights_that_are_missing_are_faults(bench: Open, settings: dict[str, Any], name: str, told: str) -> None:
    async with bench(instances=20, **settings) as here:
        found = await check(here)
    assert re.match(f"fault: .*{told}", found.line(name)), found.line(name)
    assert found.exit == ExitCode.ACCESS
    assert [finding.name for finding in found.findings] == LINES, "the rest is told all the same"


async def test_a_renamed_portal_is_told_with_where_its_name_stands(bench: Open) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.redirect = "localhost"
        found = await check(here)
        assert here.sandbox.ledger.outcomes["redirect"] == 1
    assert re.match(r"warning: .*renamed to localhost:\d+.*\| .*B24_WEBHOOK_URL.*portal:", found.line("redirect"))
    assert found.exit == 0


@pytest.mark.parametrize(
    ("target", "told"),
    [("http://portal.example", "plain http"), ("https://portal.example", "away from this machine")],
)
async def test_a_redirect_that_is_not_followed_is_a_fault(bench: Open, target: str, told: str) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.redirect = target
        began = time.monotonic()
        found = await check(here)
    assert re.match(f"fault: .*{told}.*browser", found.line("redirect"))
    assert found.exit == ExitCode.STOPPED_EARLY
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "text", "status", "told"),
    [
        ("authorization_error", "Unable to authorize user", 401, "may no longer log in"),
        ("ACCESS_DENIED", "REST is available only by subscription.", 401, "licence does not include REST"),
        ("PORTAL_DELETED", "Portal was deleted", 403, "no longer exists"),
    ],
)
async def test_a_webhook_that_is_refused_is_a_fault_of_access(
    bench: Open, code: str, text: str, status: int, told: str
) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.refusal = RestError(code, text, status)
        found = await check(here)
    assert re.match(f"fault: incoming webhook of user 1, from B24_WEBHOOK_URL: .*{code}.*{told}", found.line("access"))
    assert [finding.name for finding in found.findings] == ["portal", "certificate", "access"]
    assert found.exit == ExitCode.ACCESS
    assert found.document["population"] is None


async def test_a_full_bucket_is_waited_for_and_told(bench: Open) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.next_requests = {Refusal.QUERY_LIMIT: 1}
        found = await check(here)
    assert re.match("warning: .*it was full 1 time.*IP address", found.line("limits"))


async def test_a_portal_that_blocks_all_is_given_up_soon(bench: Open) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.next_requests = {Refusal.OPERATION_LIMIT: 1}
        found = await check(here)
        assert re.match("fault: .*OPERATION_TIME_LIMIT", found.line("limiter"))
        assert found.exit == ExitCode.STOPPED_EARLY
        here.sandbox.faults.overload = True
        found = await check(here)
        assert re.match("fault: .*OVERLOAD_LIMIT.*support", found.line("answer"))
        assert found.exit == ExitCode.STOPPED_EARLY


async def test_a_method_that_is_used_up_is_a_warning(bench: Open) -> None:
    async with bench(instances=20, list_seconds=0.2, operating_limit=0.3) as here:
        found = await check(here)
    assert re.match("warning: used up for now: bizproc.workflow.instances.*by itself", found.line("limiter"))
    assert found.exit == 0


async def test_a_counter_near_its_limit_is_a_warning(bench: Open) -> None:
    async with bench(instances=20, list_seconds=0.2, operating_limit=9000.0) as here:
        found = await commands.check(here.setting)
    assert found.answers is not None
    counters = replace(found.answers.counters, inside={"bizproc.workflow.instances": 400.0})
    lines = judged(replace(found, answers=replace(found.answers, counters=counters)))
    (line,) = [line for line in lines if line.name == "limiter"]
    assert (line.level, "400 s of about 480 s" in line.text) == ("warning", True)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.HTML, Fault.MISSING_KEYS, Fault.EMPTY_500])
async def test_one_answer_that_breaks_is_asked_for_again(bench: Open, fault: Fault) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.next_requests = {fault: 1}
        found = await check(here)
    assert "20 running" in found.line("instances")
    assert found.exit == 0
    if fault is not Fault.EMPTY_500:  # then a question is left out, in case that it was the cause
        assert re.match("warning: .*answered at try 2", found.line("round trip"))


async def test_answers_that_stay_away_are_a_fault_within_seconds(bench: Open) -> None:
    async with bench(instances=20) as here:
        for fault in (Fault.BAD_GATEWAY, Fault.HTML, Fault.EMPTY_500):
            here.sandbox.faults.rates = {fault: 1.0}
            began = time.monotonic()
            found = await check(here)
            assert found.line("answer").startswith("fault: ")
            assert found.exit == ExitCode.STOPPED_EARLY
            assert time.monotonic() - began < 8


async def test_half_an_answer_is_told_as_what_is_not_known(bench: Open) -> None:
    async with bench(instances=20) as here:
        here.sandbox.faults.rates = {Fault.SKIPPED_COMMANDS: 1.0}
        found = await check(here)
    levels = {finding.level for finding in found.findings}
    assert "fault" not in levels
    assert "warning" in levels


def test_nobody_there_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/rest/1/s3cr3ts3cr3t/"
        refused = Shop(nobody, tmp_path).call("check", "-o", "json")
    told = json.loads(refused.stdout)
    assert refused.returncode == told["exit"] == ExitCode.STOPPED_EARLY
    (line,) = told["checks"]
    assert (line["name"], line["level"], line["advice"]) == ("portal", "fault", "Check host, port and network.")
    assert "connection refused" in line["text"]
    began = time.monotonic()
    unknown = Shop("https://no-such-portal.invalid/rest/1/s3cr3ts3cr3t/", tmp_path).call("check")
    assert time.monotonic() - began < 15
    assert unknown.returncode == ExitCode.STOPPED_EARLY
    assert "fault    portal " in unknown.stdout
    assert "DNS" in unknown.stderr


def test_who_waits_is_told_for_what(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        here = Shop(f"http://127.0.0.1:{mute.getsockname()[1]}/rest/1/s3cr3ts3cr3t/", tmp_path)
        waiting = here.start("check")
        try:
            assert waiting.stderr is not None
            assert waiting.stderr.readline() == f"Asking {here.portal} …\n"
        finally:
            waiting.kill()
            waiting.communicate()


@pytest.fixture(scope="module")
def openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        pytest.skip("makes certificates by openssl")
    return found


@pytest.fixture
def certified(tmp_path: Path, openssl: str) -> Path:
    """Makes certificates for this machine: `days=N` to its end, by another `name`."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(tmp_path / "key"))
    names = ("-subj", "/O=A small authority/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    request = tmp_path / "request"
    subprocess.run([openssl, "req", "-new", *key, *names, "-out", str(request)], check=True, capture_output=True)
    return request


def signed(request: Path, days: int) -> tuple[Path, Path]:
    """The certificate that it asks for, with its key."""
    certificate, key = request.with_name(f"{days}.pem"), request.with_name("key")
    words = ("-req", "-in", str(request), "-signkey", str(key), "-copy_extensions", "copy", "-days", str(days))
    subprocess.run(["openssl", "x509", *words, "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


@asynccontextmanager
async def encrypted(here: Bench, certificate: Path, key: Path) -> AsyncIterator[int]:
    """The port of a TLS front before the sandbox."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    behind = int(here.sandbox.webhook.split("/")[2].split(":")[1])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
        await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))

    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("days", "level", "told"),
    [
        (400, "ok", r"TLSv1\.\d, by A small authority, until 20\d\d-\d\d-\d\d \| $"),
        (5, "warning", r"TLSv1\.\d.*it ends in (4|5) days \| The portal's administrator must renew it"),
        (-1, "fault", "its certificate is not trusted: certificate has expired. Nothing was sent.*clock right"),
    ],
)
async def test_the_certificates_end_is_looked_at(
    bench: Open, certified: Path, monkeypatch: pytest.MonkeyPatch, days: int, level: str, told: str
) -> None:
    certificate, key = signed(certified, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with bench(instances=20) as here, encrypted(here, certificate, key) as port:
        path = here.sandbox.webhook.split("/rest/")[1]
        found = await check(here, f"https://localhost:{port}/rest/{path}")
        assert here.sandbox.ledger.requests == (0 if level == "fault" else 1)
    assert re.match(f"{level}: .*{told}", found.line("certificate")), found.line("certificate")
    assert found.exit == (ExitCode.STOPPED_EARLY if level == "fault" else 0)


async def test_a_certificate_for_another_name_and_one_of_nobody(
    bench: Open, certified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = signed(certified, 400)
    async with bench(instances=20) as here, encrypted(here, certificate, key) as port:
        found = await check(here, f"https://localhost:{port}/rest/1/s3cr3ts3cr3t/")
        assert re.match("fault: .*not trusted.*SSL_CERT_FILE", found.line("certificate"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        found = await check(here, f"https://127.0.0.1:{port}/rest/1/s3cr3ts3cr3t/")
        assert re.match("fault: .*not trusted: .*mismatch.*another name", found.line("certificate"))
        assert here.sandbox.ledger.requests == 0


async def test_a_port_without_encryption_is_told_as_such(bench: Open) -> None:
    async with bench(instances=20) as here:
        found = await check(here, here.sandbox.webhook.replace("http:", "https:"))
        assert here.sandbox.ledger.requests == 0
    assert re.match("fault: .*no encrypted connection.*port", found.line("certificate"))
    assert found.exit == ExitCode.STOPPED_EARLY


async def test_a_proxy_is_named_without_its_password(bench: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:passw0rd@127.0.0.1:{port}")
        async with bench(instances=20) as here:
            found = await check(here, "https://no-such-portal.invalid/rest/1/s3cr3ts3cr3t/")
    assert found.line("portal") == f"ok: no-such-portal.invalid is asked through the proxy 127.0.0.1:{port} | "
    assert found.line("certificate").startswith("ok: verified by every request")
    assert re.match(f"fault: .*Is the proxy 127.0.0.1:{port} the right one", found.line("answer"))
    assert "passw0rd" not in json.dumps(found.document)


def test_the_document_keeps_its_keys_and_has_the_checks(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "70", "--generation", "G2", "--user-offset", "8") as here:
        done = here.call("check", "-o", "json")
        assert set(here.ledger()["calls"]) <= READING
    told = json.loads(done.stdout)
    assert done.returncode == told["exit"] == 0
    assert {"portal", "findings", "checks", "licence", "population", "round_trip", "exit"} == told.keys()
    assert (told["portal"], told["population"], told["licence"]) == (here.portal, 70, "ru_pro100")
    assert [line["name"] for line in told["checks"]] == LINES == [line["subject"] for line in told["findings"]]
    assert all(line.keys() == {"name", "level", "text", "advice"} for line in told["checks"])
    assert all(line["advice"] for line in told["checks"] if line["level"] != "ok")
    assert done.stderr == ""


@contextmanager
def ill(folder: Path) -> Iterator[Shop]:
    options = ("--generation", "G1", "--user-offset", "8", "--clock-skew", "500", "--licence", "ru_selfhosted")
    with shop(folder, "--instances", "70", "--billing", "absent", *options) as here:
        yield here


def test_a_terminal_gets_lines_that_fit_and_colour_and_a_pipe_gets_neither(tmp_path: Path) -> None:
    with ill(tmp_path) as here:
        for columns in (80, 120):
            with terminal(here, "check", COLUMNS=str(columns), NO_COLOR="") as screen:
                assert screen.end() == 0
            assert f"{ESCAPE}33mwarning" in screen.screen
            lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", screen.screen).splitlines()
            assert max(map(len, lines)) <= columns
            assert len([line for line in lines if line.startswith(("ok  ", "warning  "))]) == len(LINES)
        with terminal(here, "check", NO_COLOR="1") as screen:
            assert screen.end() == 0
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.screen)
        piped = here.call("check", NO_COLOR="")
    assert ESCAPE not in piped.stdout + piped.stderr
    assert piped.stderr == ""
    assert len(piped.stdout.splitlines()) == len(LINES) + 3 + 1, "each line and each advice whole, and the sum"


def test_the_source_of_the_webhook_is_told_and_never_the_webhook(tmp_path: Path) -> None:
    with ill(tmp_path) as here:
        file = tmp_path / "webhook"
        file.write_text(here.webhook, encoding="utf-8")
        file.chmod(0o600)
        named = here.call("check", "--webhook-file", "webhook", B24_WEBHOOK_URL="")
        found = here.call("check", B24_WEBHOOK_FILE=str(file))
    assert "from the file webhook" in named.stdout
    assert f"from the file {file}" in found.stdout
    assert here.secret not in named.stdout + named.stderr + found.stdout + found.stderr
