"""The pages in docs/: their commands run, what they name exists, their tables are complete."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cleanup.cli import app
from cleanup.config import Faults, parse_rules
from cleanup.errors import ExitCode
from cleanup.reports.metrics import METRICS
from cleanup.rules import DOCUMENT_TYPES
from cleanup.sandbox import Billing, Event, Fault, Generation, Refusal
from cleanup.sandbox.__main__ import main as sandbox
from tests.doc_blocks import blocks, script, to_run
from tests.harness import shop
from tests.reader import read
from tests.test_check import LINES
from tests.test_notify import inbox

TOP = Path(__file__).parent.parent
DOCS = TOP / "docs"
NIGHTS, LOGS, SANDBOX = DOCS / "nights.md", DOCS / "logs.md", DOCS / "sandbox.md"
READMES = [TOP / "README.md", TOP / "README.ru.md"]
PAGES = [*READMES, *sorted(DOCS.glob("*.md"))]
#: Their commands are typed in one terminal, and need more than a portal.
OTHERWISE = [NIGHTS, LOGS]
#: The Russian README has the same commands as the README; tests/test_readme.py compares them.
TYPED = [page for page in PAGES if to_run(page) and page not in OTHERWISE and page.name != "README.ru.md"]
FAST = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # it is a group
OPTIONS = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
#: Options of other programs that the pages name.
FOREIGN = {
    "--system",
    "--home-dir",
    "--shell",
    "--since",
    "--now",
    "--from",
    "--from-file",
    "--collector",
    "--retry",
    "--retry-delay",
    "--retry-connrefused",
}


def sandbox_options(capsys: pytest.CaptureFixture[str]) -> set[str]:
    assert sandbox(["--help"]) == 0
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help"}


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "1000", "--seed", "7", *FAST) as here:
        done = read(page, tmp_path, here.webhook)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def squashed(text: str) -> set[str]:
    """The lines without what differs from run to run: numbers, ids, the width of columns."""
    lines = (re.sub(r"[0-9a-f]*[0-9][0-9a-f,.:-]*", "#", line) for line in text.splitlines())
    return {re.sub(r"(?<=#)[\s#-]*(?=#)|─+|(?<=\s)\s+", "", line.strip()) for line in lines}


def test_the_story_in_the_readme_is_what_is_printed(tmp_path: Path) -> None:
    """Each line of it, but for numbers; “…” stands for lines left out, and somebody types the host."""
    (story,) = [block.text for block in blocks(READMES[0]) if block.language == "console"]
    shutil.copytree(TOP / "configs", tmp_path / "configs")
    with shop(tmp_path, "--instances", "3000", "--seed", "7") as here:
        calls = [
            here.call("plan", "configs/nightly.yaml"),
            here.call("apply", "last"),  # nobody is there to type the host
            here.call("apply", "last", "--confirm", here.portal),
        ]
    printed = squashed("".join(call.stdout + call.stderr for call in calls))
    told = [line for line in story.splitlines() if line and not line.startswith(("$ ", "…", "Type "))]
    assert [line for line in told if not squashed(line) <= printed] == []
    assert re.findall(r"^\$ b24-cleanup (.*)$", story, re.MULTILINE) == ["plan configs/nightly.yaml", "apply last"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_rules_file_of_a_page_loads_or_is_refused_as_it_says(page: Path) -> None:
    for block in blocks(page):
        if block.language != "yaml":
            continue
        if block.refused:
            with pytest.raises(Faults, match=re.escape(block.refused)):
                parse_rules(block.text, page.name)
        else:
            assert not parse_rules(block.text, page.name).warnings


def test_the_rules_reference_is_what_its_script_prints() -> None:
    """After a change of the vocabulary or the schema: scripts/rules_page >docs/rules.md"""
    done = subprocess.run(
        [sys.executable, "scripts/rules_page.py"], cwd=TOP, capture_output=True, text=True, check=True, timeout=60
    )
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == done.stdout
    assert all(f"| `{name}` |" in done.stdout for name in DOCUMENT_TYPES)


def test_the_page_on_the_sandbox_has_every_option_fault_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    text = SANDBOX.read_text(encoding="utf-8")
    options = text.split("\n## The options\n")[1]
    assert sandbox_options(capsys) <= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", options))
    assert {*Fault, *Refusal, *Event, *Billing, *Generation} <= set(re.findall(r"\w+", options))


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"^- \[\S+\]\((\w+\.md)\)", (DOCS / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def tell(page: Path, home: Path, webhook: str, notify: str) -> subprocess.CompletedProcess[str]:
    """Runs the page's commands as its reader would, at home, against the sandbox instead of acme.bitrix24.ru."""
    (home / "b24-cleanup").symlink_to(TOP)
    (home / "bin").mkdir()
    tool = home / "bin" / "b24-cleanup"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m cleanup "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    environment = {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin", "PYTHONPATH": str(TOP), "NO_COLOR": "1"}
    return subprocess.run(
        ["bash", "-c", script(page).replace("acme.bitrix24.ru", webhook.split("/")[2])],
        env=environment,
        cwd=home,
        input=f"{webhook}\n{notify}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_an_administrator_who_types_the_page_on_nights_has_a_monitored_night(tmp_path: Path) -> None:
    with inbox() as box, shop(tmp_path, "--instances", "3000", "--seed", "7", "--licence", "ru_selfhosted") as here:
        done = tell(NIGHTS, tmp_path, here.webhook, box.address)
        assert done.returncode == 0, done.stdout + done.stderr
        assert here.ledger()["kills_effective"] > 100
        assert here.secret not in done.stdout + done.stderr
    night = tmp_path / "night"
    assert (night / "plan.csv").read_text(encoding="utf-8").count("\n") > 100
    assert "b24_cleanup_last_success_timestamp_seconds" in done.stdout
    assert '"event": "verb.done"' in (night / "night.log").read_text(encoding="utf-8")
    assert len(box.received) == 1


def test_the_command_on_the_page_on_logs_runs(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "50", "--licence", "ru_selfhosted") as here:
        (tmp_path / "nightly.yaml").write_bytes((TOP / "configs" / "nightly.yaml").read_bytes())
        text = script(LOGS).replace("b24-cleanup", f"{sys.executable} -m cleanup")
        done = subprocess.run(
            ["bash", "-c", text], env=here.environment(PYTHONPATH=str(TOP)), cwd=tmp_path, check=False
        )
    assert done.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_only_what_needs_another_server_or_root_is_not_run(page: Path) -> None:
    left_out = [block for block in blocks(page) if block.not_run]
    allowed = ("sudo ", "systemctl ", "journalctl ", "kubectl ", "podman ", "git clone ", "scripts/")
    for block in left_out:
        assert all(line.startswith(allowed) for line in block.text.splitlines()), block.text
    assert page != NIGHTS or len(blocks(page)) - len(left_out) >= 7


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_pages_name_exists(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    known = OPTIONS | FOREIGN | sandbox_options(capsys)
    assert named <= known, named - known
    verbs = set(re.findall(r"b24-cleanup ([a-z]+)(?= |`|$)", text, re.MULTILINE)) - {"b"}
    assert verbs <= set(COMMANDS), verbs - set(COMMANDS)
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)
    assert links or page == LOGS
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_page_on_nights_has_every_exit_code_and_every_metric() -> None:
    text = NIGHTS.read_text(encoding="utf-8")
    morning = text.split("\n## In the morning\n")[1]
    rows = re.findall(r"^\| ([\d, ]+) \|", morning, re.MULTILINE)
    codes = {int(code) for row in rows for code in row.split(", ")}
    assert codes == {*ExitCode} - {ExitCode.PLAN_NOT_EMPTY}, "10 is of plan only"
    assert set(re.findall(r"\bb24_cleanup_\w+", text)) == set(METRICS)


def test_the_page_on_check_has_every_line_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z ]+)` \|", (DOCS / "check.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted([*LINES, "answer"])
