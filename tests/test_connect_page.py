"""docs/connect.md: what its tables say of errors is what a user is told. Its commands are run by tests/test_docs.py."""

import json
import re
from pathlib import Path

import pytest

from cleanup.errors import CleanupError
from cleanup.portal.client import Reader
from tests.conftest import Open
from tests.harness import EVERYTHING, Bench
from tests.oauth import TOKENS, OAuthBench

TEXT = (Path(__file__).parent.parent / "docs" / "connect.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, str, str]]:
    """What is said, what it means, and the switches."""
    part = TEXT.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    found = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| `(\{.*\})` \|$", part, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\|", part, re.MULTILINE)) - 2
    return found


async def told(here: Bench, switches: str, words: str, means: str) -> None:
    here.sandbox.faults.change(json.loads(switches))
    with pytest.raises(CleanupError) as caught:
        await here.plan(EVERYTHING)
    told = str(caught.value)
    assert all(word in told for word in words.split(" 127.0.0.1"))
    exit_code = re.search(r"exit code (\d+)", means)
    assert caught.value.exit_code == (int(exit_code[1]) if exit_code else 5)
    assert not TOKENS.search(told)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "patience", (1, 1.0))


@pytest.mark.parametrize(("words", "means", "switches"), rows("With a webhook"), ids=lambda text: text[:20])
async def test_what_is_told_of_a_webhook(bench: Open, words: str, means: str, switches: str) -> None:
    async with bench(instances=5) as here:
        await told(here, switches, words, means)


@pytest.mark.parametrize(("words", "means", "switches"), rows("With an application"), ids=lambda text: text[:20])
async def test_what_is_told_of_an_application(bench: Open, words: str, means: str, switches: str) -> None:
    async with bench(instances=5) as opened:
        await told(OAuthBench(opened.sandbox, opened.folder), switches, words, means)
