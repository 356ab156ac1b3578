"""`init` writes a file that passes `validate` and `test`, for this portal, and overwrites nothing."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import RulesFile, parse_rules
from cleanup.inventory import Inventory, Survey
from cleanup.reports.starter import rules_text
from cleanup.rules.examples import judge
from tests.harness import Shop, shop

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("init"), "--licence", "ru_selfhosted", "--instances", "400") as opened:
        yield opened
        assert opened.ledger()["kills_effective"] == 0


def usable(text: str) -> RulesFile:
    """Without a fault or a warning, and its own examples hold."""
    file = parse_rules(text, "rules.yaml")
    assert not file.warnings
    assert file.examples
    assert all(judge(file.book, example).passed for example in file.examples)
    return file


def with_comments_taken_away(text: str) -> str:
    return re.sub(r"^  # (?=[- ] )", "  ", text, flags=re.MULTILINE)


def test_with_a_webhook_it_names_what_is_on_the_portal(here: Shop) -> None:
    done = here.call("init")
    assert done.returncode == 0, done.stderr
    text = (here.folder / "rules.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=b24-cleanup.schema.json\n")
    assert usable(text).portal == here.portal
    biggest = Counter(row["TEMPLATE_ID"] for row in here.ask("instances") if row["TEMPLATE_ID"] not in {None, "0"})
    for template, count in biggest.most_common(3):
        assert re.search(rf"{count:,} instances of template {template}\b", text)
    assert "lead" in text
    assert here.call("validate", "rules.yaml").returncode == here.call("test", "rules.yaml").returncode == 0
    assert here.call("plan", "rules.yaml").returncode == 0


def test_its_commented_rules_are_rules_of_this_portal(here: Shop) -> None:
    here.call("init", "more.yaml")
    text = with_comments_taken_away((here.folder / "more.yaml").read_text(encoding="utf-8"))
    rules = [rule.id for rule in parse_rules(text, "more.yaml").book.rules]
    assert len(rules) > 5
    (here.folder / "more.yaml").write_text(text, encoding="utf-8")
    done = here.call("plan", "more.yaml")
    assert done.returncode == 0, done.stderr


def test_it_overwrites_nothing_and_asks_nobody_first(tmp_path: Path, here: Shop) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine", encoding="utf-8")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    for name in ("mine.yaml", "link.yaml"):
        done = here.call("init", str(tmp_path / name), B24_WEBHOOK_URL="https://portal.invalid/rest/1/secret/")
        assert done.returncode == 2
        assert "not overwritten" in done.stderr
    assert file.read_text(encoding="utf-8") == "mine"


def test_without_a_webhook_or_offline_it_is_the_example(here: Shop) -> None:
    assert here.call("init", "example.yaml", B24_WEBHOOK_URL="").returncode == 0
    assert here.call("init", "offline.yaml", "--offline").returncode == 0
    example, offline = ((here.folder / name).read_text(encoding="utf-8") for name in ("example.yaml", "offline.yaml"))
    assert example.replace("example.yaml", "offline.yaml") == offline
    assert usable(example).portal is None
    assert len(parse_rules(with_comments_taken_away(example), "example.yaml").book.rules) == 3


def test_a_folder_that_is_not_there_is_told(here: Shop) -> None:
    done = here.call("init", "nowhere/rules.yaml", "--offline")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


HOSTILE = ["NO", "22:00", 'a"b', "a\\", "x # y", "}: kill", "*", "", "a" * 5000, "{glob: x}", "&a", "!!str"]
HOSTILE += ["\n  - {id: x, match: everything, action: kill}", "\u2028boo", "\x85", "\u202egnp", "\ud800", "\x1b[31m"]
HOSTILE += ["\ufeff", "\U000e0001"]
names = st.sampled_from(HOSTILE) | st.text(max_size=30)


@settings(max_examples=500)
@given(templates=st.dictionaries(st.integers(1, 99), names, max_size=8), file=names)
def test_names_from_a_portal_are_only_ever_texts(templates: dict[int, str], file: str) -> None:
    inventory = Inventory(NOW, total=sum(templates))
    for number in templates:
        inventory.templates[number, "lead" if number % 2 else None] = number
    text = rules_text(file, Survey("acme.bitrix24.ru", inventory, templates), NOW)
    assert all(letter.isprintable() for letter in text.replace("\n", ""))
    assert [rule.id for rule in usable(text).book.rules] == ["hung"]
    opened = parse_rules(with_comments_taken_away(text), "rules.yaml").book
    expected = {f"template-{number}" for number, _ in inventory.by_template.most_common(10)}
    assert {rule.id for rule in opened.rules} == expected | {"hung", "keep-approvals", "stale-leads"}
    assert opened.resolve(templates | {0: "x"})
