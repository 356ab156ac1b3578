"""The fenced blocks of a page. A comment before one says what is special:

`<!-- not run: why -->` before one in sh; `<!-- refused: what is told -->` before a rules file that must not load.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>not run|refused): (?P<told>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str
    #: Why it is not run; "": it is.
    not_run: str
    #: What the loader must say of it; "": it loads.
    refused: str


def blocks(page: Path) -> list[Block]:
    """In the order of the page."""
    return [_block(found) for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))]


def _block(found: re.Match[str]) -> Block:
    marks = {found["mark"]: found["told"]}
    return Block(found["language"], found["text"], marks.get("not run", ""), marks.get("refused", ""))


def to_run(page: Path) -> list[str]:
    return [block.text for block in blocks(page) if block.language == "sh" and not block.not_run]


def script(page: Path) -> str:
    """All that is to be run, as one script that ends at the first command that fails."""
    return "set -e\n" + "".join(to_run(page))


def terminals(page: Path) -> str:
    """The same with each block in a terminal of its own: what one exports, the next does not have."""
    return "set -e\n" + "".join(f"(\nset -ex\n{text})\n" for text in to_run(page))
