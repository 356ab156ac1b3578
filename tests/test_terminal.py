"""What apply asks and shows in a real terminal (a pseudo-terminal of the kernel), and what it leaves out elsewhere."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import EVERYTHING, Shop, shop

FAST = ("--instances", "400", "--licence", "ru_selfhosted", "--kill-seconds", "0.02")
ESCAPE = "\x1b["


class Terminal:
    """A process whose three streams are a terminal."""

    def __init__(self, here: Shop, *words: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cleanup", *words],
            env=here.environment(TERM="xterm-256color", **environment),
            cwd=here.folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.screen = ""

    def until(self, words: str, seconds: float = 30.0) -> str:
        """Reads until the words stand on the screen; what was read so far."""
        limit = time.monotonic() + seconds
        while words not in self.screen:
            assert time.monotonic() < limit, self.screen
            if not self._read():
                break
        assert words in self.screen, self.screen
        return self.screen

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(timeout=30)

    def close(self) -> None:
        os.close(self._master)
        self.process.kill()
        self.process.wait()

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 30)[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.screen += piece.decode()
        return bool(piece)


@contextmanager
def terminal(here: Shop, *words: str, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(here, *words, **environment)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path, *FAST) as opened:
        assert opened.call("plan", opened.rules(EVERYTHING), "--include-locked").returncode == 0
        yield opened


def test_apply_shows_counts_and_goes_on_when_the_host_was_typed(here: Shop) -> None:
    with terminal(here, "apply", "last", NO_COLOR="") as screen:
        asked = screen.until(f"Type {here.portal}")
        assert re.search(r"\b400\b", asked)
        assert "all" in asked
        assert here.ledger()["kills_effective"] == 0, "nothing goes before the answer"
        screen.type(here.portal)
        assert screen.end() == 0
    assert here.ledger()["kills_effective"] == 400
    assert ESCAPE in screen.screen, "a terminal gets colour or a bar"


@pytest.mark.parametrize("typed", ["yes", "", "other.bitrix24.ru"])
def test_anything_else_ends_nothing(here: Shop, typed: str) -> None:
    with terminal(here, "apply", "last") as screen:
        screen.until(f"Type {here.portal}")
        screen.type(typed)
        assert screen.end() == 4
    assert "Nothing was ended" in screen.screen
    assert here.ledger()["kills_effective"] == 0


def test_no_colour_where_it_is_not_wanted(here: Shop) -> None:
    with terminal(here, "status", "last", NO_COLOR="1") as screen:
        assert screen.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.screen)


def test_a_pipe_gets_plain_text(here: Shop) -> None:
    done = here.call("apply", "last", "--confirm", here.portal)
    assert done.returncode == 0
    assert ESCAPE not in done.stdout + done.stderr
    assert here.call("status", "last", "-o", "json").stderr == ""
