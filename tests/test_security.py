"""What must never get out, what must never get in, and who may read what lies on the disk."""

import json
import re
import stat
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from cleanup.errors import StoppedEarly
from cleanup.portal.client import Reader
from cleanup.sandbox import Fault, Refusal
from tests.harness import EVERYTHING, Shop, shop
from tests.oauth import TOKENS, oauth_shop
from tests.strange_portal import SECRET, Strange, rows, strange
from tests.test_strange_portals import IDS, plan

TEMPLATES = "bizproc.workflow.template.list"
INSTANCES = "bizproc.workflow.instances"
#: Colours, moves the cursor, rings, hides what follows, turns the line around, ends it, looks like markup.
HOSTILE = "\x1b[31mred\x1b[2J\x07\x9b1m\u202egnp\x00\r\n[bold]x[/bold]<script>alert(1)</script>=cmd|'/c calc'!A1"


def is_legible(text: str) -> bool:
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def _rates(*names: str) -> tuple[str, ...]:
    return tuple(word for name in names for word in ("--fault", f"{name}=0.05"))


def _in_the_middle(change: str) -> tuple[str, ...]:
    return ("--later", f"kills=60:{change}")


@pytest.mark.parametrize(
    ("troubles", "ends"),
    [
        pytest.param(
            (*_rates(Fault.DROP_AFTER, Fault.HTML, Fault.TRUNCATED, Fault.EMPTY_500), "--poison", "3", "--crash", "1"),
            {0, 3, 6},
            id="answers that break",
        ),
        pytest.param(_rates(Fault.BAD_GATEWAY, Fault.CUT, Fault.MISSING_KEYS, Fault.EMPTY), {0, 6}, id="gateways"),
        pytest.param(_rates(Refusal.QUERY_LIMIT, Fault.UNAVAILABLE, Fault.SLOW_BODY), {0, 6}, id="refusals"),
        pytest.param(_in_the_middle("overload=true"), {5, 6}, id="blocked in the middle"),
        pytest.param(_in_the_middle('next_kills={"operation_limit": 2}'), {0, 6}, id="operation limit"),
        pytest.param(_in_the_middle('next_kills={"operation_limit_calls": 2}'), {0, 6}, id="operation limit in calls"),
        pytest.param(_in_the_middle("webhook=false"), {5}, id="webhook off in the middle"),
        pytest.param(_in_the_middle("administrator=false"), {5}, id="rights lost in the middle"),
        pytest.param(_in_the_middle('scopes=["user"]'), {5}, id="scope lost in the middle"),
        pytest.param(_in_the_middle("redirect=localhost"), {0, 4, 5, 6}, id="renamed in the middle"),
    ],
)
def test_the_secret_is_in_no_output_and_no_file_whatever_goes_wrong(
    tmp_path: Path, troubles: tuple[str, ...], ends: set[int]
) -> None:
    secret = "s3cr3t0of0the0night"  # noqa: S105 - of no portal
    fast = ("--instances", "300", "--licence", "ru_selfhosted", "--kill-seconds", "0.001", "--secret", secret)
    scaled = ("--operating-limit", "30", "--operating-window", "2", "--slow-seconds", "0.5")
    with shop(tmp_path, *fast, *scaled, *troubles) as here:
        rules = here.rules("pace: {operating_limit: 30}\n" + EVERYTHING)
        metrics = ("--metrics-file", "apply.prom")
        logs = ("--log-file", "night.log", "--log-format", "json", "-v")
        planned = here.call("plan", rules, *logs, "--metrics-file", "plan.prom", at_once=True)
        apply = ("apply", "last", "--confirm", here.portal, "--max-duration", "3s", *logs, *metrics)
        applied = here.call(*apply, at_once=True)
        told = [
            planned,
            applied,
            here.call("check", *logs, at_once=True),
            *(here.call("report", "last", "--format", form, "-o", f"r.{form}") for form in ("csv", "html")),
        ]
        running = here.start("plan", rules)
        arguments = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        running.kill()
        running.communicate()
    assert planned.returncode == 0, planned.stderr
    assert applied.returncode in ends, applied.stderr
    assert all("Traceback" not in done.stderr for done in told)
    assert all(secret not in done.stdout + done.stderr for done in told)
    assert secret.encode() not in arguments
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {".sqlite", ".log", ".prom", ".csv", ".html"} <= {file.suffix for file in files}
    assert not [file for file in files if secret.encode() in file.read_bytes()]


def test_tokens_and_client_secret_are_in_no_output_and_no_file_but_their_own(tmp_path: Path) -> None:
    """Tokens expire all the time; at last the access is revoked, and the file of no use."""
    troubles = (Fault.HTML, Fault.BAD_GATEWAY, Fault.TRUNCATED)
    words = [word for trouble in troubles for word in ("--fault", f"{trouble}=0.03")]
    with oauth_shop(tmp_path, "--instances", "200", "--token-requests", "3", *words) as here:
        logs = ("--log-file", "night.log", "--log-format", "json", "-v")
        told = [
            here.call("plan", here.rules(EVERYTHING), *logs),
            here.call(
                "apply", "last", "--confirm", here.portal, "--max-duration", "2s", *logs, "--metrics-file", "a.prom"
            ),
            here.call("check", *logs),
            here.call("report", "last", "--format", "jsonl", "-o", "r.jsonl"),
        ]
        running = here.start("plan", "rules.yaml")
        arguments = Path(f"/proc/{running.pid}/cmdline").read_bytes()
        told.append(subprocess.CompletedProcess([], 0, *running.communicate()))
        here.change(application="revoked", token=False, rates={})
        told.append(here.call("plan", "rules.yaml", *logs))
        here.file.write_text(here.file.read_text(encoding="utf-8").replace("{", "[", 1), encoding="utf-8")
        told.append(here.call("plan", "rules.yaml", *logs))
        renewals = here.tokens()["renewals"]
    assert renewals >= 3
    assert told[-2].returncode == 5
    assert told[-1].returncode == 2
    assert not [done for done in told if "Traceback" in done.stderr or TOKENS.search(done.stdout + done.stderr)]
    assert not TOKENS.search(arguments.decode())
    files = {file for file in tmp_path.rglob("*") if file.is_file()} - {here.file}
    assert {".sqlite", ".log", ".prom", ".jsonl", ".lock"} <= {file.suffix for file in files}
    assert not [file for file in files if TOKENS.search(file.read_bytes().decode("latin-1"))]


def test_a_process_of_ours_leaves_no_core(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "3000", "--list-seconds", "0.05") as here:
        running = here.start("plan", here.rules(EVERYTHING))
        try:
            core = _core_limit(running.pid)
        finally:
            running.kill()
            running.communicate()
    assert core == "0"


def _core_limit(pid: int) -> str:
    """Waits until the process is past its imports."""
    for _ in range(200):
        found = re.search(r"Max core file size +(\w+)", Path(f"/proc/{pid}/limits").read_text())
        if found and found[1] == "0":
            break
        anyio.run(anyio.sleep, 0.05)
    return found[1] if found else ""


def test_what_lies_on_the_disk_is_for_its_owner_only(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "60", "--licence", "ru_selfhosted", "--kill-seconds", "0.001") as here:
        (tmp_path / "elsewhere").mkdir()
        here.call("plan", here.rules(EVERYTHING), "--checkpoint", "elsewhere/run.sqlite", "--log-file", "a.log", "-v")
        here.call("apply", "elsewhere/run.sqlite", "--confirm", here.portal, "--log-file", "a.log", "-v")
        here.call("report", "elsewhere/run.sqlite", "-o", "r.csv")
    state = tmp_path / "state"
    ours = [tmp_path / "a.log", tmp_path / "r.csv", *(tmp_path / "elsewhere").iterdir()]
    assert len(ours) >= 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in ours} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (state, *state.glob("*/"))} == {0o700}


async def run_cli(portal: Strange, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return await anyio.to_thread.run_sync(partial(Shop(portal.webhook, folder).call, *words))


async def test_names_from_the_portal_cannot_touch_the_terminal(tmp_path: Path) -> None:
    methods: dict[str, Any] = {
        TEMPLATES: lambda p: [] if p["FILTER[>ID]"] != ["0"] else [{"ID": "5", "NAME": HOSTILE}],
        INSTANCES: rows(*IDS[:5], DOCUMENT_ID=f"LEAD_1{HOSTILE}"),
    }
    text = EVERYTHING.replace("match: everything", "match: {template: {regex: '[^q]*'}}")
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    async with strange(methods=methods) as portal:
        for words in (
            ("plan", "rules.yaml", "-v"),
            ("templates",),
            ("inventory",),
            ("explain", "rules.yaml", IDS[0]),
            ("explain", "last", IDS[0]),
            ("status", "last"),
            ("apply", "last", "--dry-run"),
            ("init", "mine.yaml"),
            ("plan", "mine.yaml"),
        ):
            done = await run_cli(portal, tmp_path, *words)
            assert done.returncode == 0, (words, done.stderr)
            assert is_legible(done.stdout), words
            assert is_legible(done.stderr), words
    assert is_legible((tmp_path / "mine.yaml").read_text(encoding="utf-8"))


async def test_the_portals_errors_cannot_touch_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(EVERYTHING, encoding="utf-8")
    async with strange() as portal:
        portal.whole = lambda _: web.json_response({"error": "X", "error_description": HOSTILE}, status=400)
        done = await run_cli(portal, tmp_path, "plan", "rules.yaml", "-v")
        assert done.returncode
        assert is_legible(done.stdout + done.stderr)
        assert len(done.stderr) < 5000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param(b'{"result":' * 50_000 + b"1" + b"}" * 50_000, id="deep and whole"),
        pytest.param(b'{"result": "' + b"x" * (40 * 2**20) + b'"}', id="large"),
        pytest.param(b'{"result": 1' + b"0" * 10_000 + b"}", id="a number of ten thousand digits"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
    ],
)
async def test_an_answer_of_any_size_or_depth_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(Reader, "patience", (1, 2.0))
    async with strange() as portal:
        portal.whole = lambda _: web.Response(body=body, content_type="application/json")
        with pytest.raises(StoppedEarly) as caught:
            await plan(portal, tmp_path)
    assert SECRET not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_documents_of_a_run_hold_no_address_of_the_webhook(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "60", "--licence", "ru_selfhosted") as here:
        shown = json.loads(here.call("plan", here.rules(EVERYTHING), "-o", "json").stdout)
    assert "/rest/" not in json.dumps(shown)
