"""The fenced blocks of a page: those in ```sh are run by a test, unless `<!-- not run: why -->` stands before them."""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str
    #: Why it is not run; "": it is.
    not_run: str


def blocks(page: Path) -> list[Block]:
    """In the order of the page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["language"], match["text"], match["why"] or "") for match in found]


def script(page: Path) -> str:
    """All that is to be run, as one script that ends at the first command that fails."""
    return "set -e\n" + "".join(block.text for block in blocks(page) if block.language == "sh" and not block.not_run)
