"""Logs: stable events, the run on every line, a private file that rotates, and no secret anywhere."""

import ast
import json
import logging
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cleanup import log
from cleanup.errors import UsageError
from cleanup.log_settings import LogFormat, Logging
from cleanup.redaction import HIDDEN, Redactor
from tests.harness import EVERYTHING, Shop, shop

TOP = Path(__file__).parent.parent
FAST = ("--instances", "300", "--licence", "ru_selfhosted", "--kill-seconds", "0.001")
SECRET = "q7w8e9r0/tü+z"  # noqa: S105 - of nobody


@pytest.fixture
def restored() -> Iterator[None]:
    """Leaves structlog and the logger as the other tests expect them."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    logger = logging.getLogger("cleanup")
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()


def events_in_the_code() -> set[str]:
    """The first argument of every `_log.info("…")` and its like."""
    return {
        call.args[0].value
        for file in (TOP / "cleanup").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "_log"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_the_docs_list_exactly_the_events_of_the_code() -> None:
    listed = re.findall(
        r"^\| `([a-z]+\.[a-z_]+)` \|", (TOP / "docs" / "logs.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(listed) == len(set(listed))
    assert set(listed) == events_in_the_code()


def test_every_line_of_a_run_is_json_with_the_runs_id(tmp_path: Path) -> None:
    with shop(tmp_path, *FAST) as here:
        done = here.call(
            "run", here.rules(EVERYTHING), "--include-locked", "--log-format", "json", "--log-file", "night.log"
        )
    assert done.returncode == 0
    assert done.stderr == "", "the file gets the lines, stderr only errors"
    lines = [json.loads(line) for line in (tmp_path / "night.log").read_text(encoding="utf-8").splitlines()]
    assert {"plan.began", "plan.done", "apply.began", "apply.batch_done", "apply.done", "verb.done"} <= {
        line["event"] for line in lines
    }
    assert len({line["run"] for line in lines}) == 1
    assert all({"level", "timestamp", "portal"} <= line.keys() for line in lines)
    assert lines[-1]["exit"] == 0
    batches = [line for line in lines if line["event"] == "apply.batch_done"]
    assert sum(line["ended"] for line in batches) == 300
    assert len(batches) < 100, "a line a batch, not an instance"
    assert stat.S_IMODE((tmp_path / "night.log").stat().st_mode) == 0o600


def test_v_shows_the_lines_on_stderr_in_the_chosen_form(tmp_path: Path) -> None:
    with shop(tmp_path, *FAST) as here:
        plain = here.call("plan", here.rules(EVERYTHING), "-v").stderr
        as_json = here.call("plan", "rules.yaml", "-v", "--log-format", "json").stderr
    assert "plan.page_done" in plain
    assert {json.loads(line)["event"] for line in as_json.splitlines()} >= {"plan.page_done", "plan.done"}


def test_an_early_end_is_in_the_log_file_too(tmp_path: Path) -> None:
    here = Shop("http://127.0.0.1:9/rest/1/abcdefabcdef/", tmp_path)
    done = here.call("run", here.rules("version: 1\n"), "--log-file", "night.log")
    assert done.returncode == 2
    (line,) = (tmp_path / "night.log").read_text(encoding="utf-8").splitlines()
    assert "verb.failed" in line
    assert "rules" in line


@pytest.mark.parametrize("shape", [*LogFormat])
def test_no_secret_is_in_a_line_however_it_is_written(
    shape: LogFormat, restored: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log"
    log.configure(Logging(verbose=True, shape=shape, file=file), Redactor(SECRET))
    structlog.get_logger().warning(
        "portal.request_failed",
        error=ValueError(f"https://x/rest/1/{SECRET}/batch"),
        nested={"list": [f"a{SECRET}b"], "quoted": "q7w8e9r0%2Ft%C3%BC%2Bz"},
    )
    for text in (file.read_text(encoding="utf-8"), capsys.readouterr().err):
        assert text.count(HIDDEN) == 3
        assert "q7w8e9r0" not in text


def test_the_file_rotates_by_size_and_every_part_is_private(
    restored: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_MOST_BYTES", 2000)
    file = tmp_path / "log"
    log.configure(Logging(file=file), Redactor())
    for number in range(200):
        structlog.get_logger().info("apply.batch_done", number=number)
    parts = sorted(tmp_path.iterdir())
    assert [part.name for part in parts] == ["log", "log.1", "log.2", "log.3", "log.4", "log.5"]
    assert all(part.stat().st_size <= 2000 and stat.S_IMODE(part.stat().st_mode) == 0o600 for part in parts)
    assert "number=199" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(restored: None, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        log.configure(Logging(file=tmp_path / "no" / "log"), Redactor())
