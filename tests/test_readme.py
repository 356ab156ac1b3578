"""The README promises nothing that the tool does not have, and leaves out nothing that it has."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from cleanup.cli import app
from cleanup.config import parse_rules
from cleanup.errors import ExitCode
from cleanup.rules import DOCUMENT_TYPES
from tests.doc_blocks import blocks

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined] # it is a group
OPTIONS = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}


def part(heading: str) -> str:
    return README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_verb_is_described_and_every_described_verb_exists() -> None:
    described = {word for row in re.findall(r"^\| (`.*?) \|", part("Verbs"), re.MULTILINE) for word in _verbs(row)}
    assert described == set(COMMANDS)
    used = set(re.findall(r"b24-cleanup ([a-z]+)", README))
    assert used <= set(COMMANDS), used - set(COMMANDS)


def _verbs(row: str) -> list[str]:
    return [name.split()[0] for name in re.findall(r"`([^`]+)`", row)]


def test_every_option_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    assert named <= OPTIONS | {"--port", "--instances", "--seed"}, "the last ones are the sandbox's own"


def test_the_exit_codes_are_all_there() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", part("Exit codes"), re.MULTILINE)
    assert sorted(int(code) for row in rows for code in row.split(", ")) == sorted(ExitCode)


def test_the_rules_in_it_load_and_its_document_types_are_all() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert examples
    for example in examples:
        assert not parse_rules(example, "README.md").warnings
    for name in DOCUMENT_TYPES:
        assert re.search(rf"\b{name}\b", part("Rules")), name


def bare(text: str) -> str:
    """The code without its comments, which are in the reader's language."""
    return re.sub(r"[ ]*(?<![^\s])#.*$", "", text, flags=re.MULTILINE)


def shape(page: Path) -> dict[str, list[object]]:
    """What two READMEs in different languages must have in common, part by part."""
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    rows = re.findall(r"^\|.*\|$", prose, re.MULTILINE)
    links = re.findall(r"\]\(((?!#|README)[^)]+)\)", prose)
    return {
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)],
        "cells of each row": [row.count("|") for row in rows],
        "first cells in code": [re.findall(r"`[^`]+`", row.split("|")[1]) for row in rows],
        "blocks": [(block.language, bare(block.text), block.not_run) for block in blocks(page)],
        "links": [*links],
        "links within": [*re.findall(r"\]\(#", prose)],
        "points": [len(indent) for indent in re.findall(r"^( *)- ", prose, re.MULTILINE)],
        "options": sorted(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)),
    }


@pytest.mark.parametrize("part_of_it", shape(TOP / "README.md"))
def test_the_russian_readme_has_the_same(part_of_it: str) -> None:
    english, russian = shape(TOP / "README.md"), shape(TOP / "README.ru.md")
    assert russian[part_of_it] == english[part_of_it]


def test_each_readme_leads_to_the_other_and_its_own_headings() -> None:
    for page, other in (("README.md", "README.ru.md"), ("README.ru.md", "README.md")):
        text = (TOP / page).read_text(encoding="utf-8")
        assert f"]({other})" in text.split("\n\n")[1], "at the top"
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[><=!~\[ ]", text)[0] for text in project["dependencies"]}
    reasons = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", part("Dependencies"), re.MULTILINE))
    reasons.pop("package", None)
    assert set(reasons) == declared


def test_every_file_that_is_named_exists() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README)
    scripts = re.findall(r"`?\b(scripts/[a-z_]+|\.ci/run)\b", README)
    missing = [name for name in (*links, *scripts) if not (TOP / name).exists()]
    assert links
    assert not missing


def test_the_notes_link_to_what_is_there() -> None:
    notes = TOP / "notes"
    linked = set(re.findall(r"\]\(([^)]+)\)", (notes / "README.md").read_text(encoding="utf-8")))
    assert linked == {file.name for file in notes.glob("*.md")} - {"README.md"}


def test_every_verb_explains_itself() -> None:
    assert all(command.help for command in COMMANDS.values())
