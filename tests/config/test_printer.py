"""A rules file that is printed back and loaded judges the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import Faults, RulesFile, parse_rules
from cleanup.config.printer import printed
from cleanup.model import Action, Instance
from cleanup.rules import Rule, RuleBook
from cleanup.rules.match import AnyOf, Pattern, TextTest, Use
from tests.config.test_configs import CONFIGS
from tests.config.test_rules_file import GOOD
from tests.rules.strategies import NOW, TEMPLATES, books, rows


def again(file: RulesFile) -> RulesFile:
    return parse_rules(printed(file), "printed.yaml")


BASE = parse_rules(GOOD, "rules.yaml")


def of_book(book: RuleBook) -> RulesFile:
    return RulesFile(path=BASE.path, source="", digest="", portal=None, limits=BASE.limits, pace=BASE.pace, book=book)


def faults_of(text: str) -> list[str]:
    try:
        parse_rules(text, "printed.yaml")
    except Faults as error:
        return [fault.message for fault in error.faults]
    return []


@settings(max_examples=500)
@given(book=books(), rows=rows)
def test_every_book_reads_back_as_the_same_judgement(book: RuleBook, rows: tuple[Instance, ...]) -> None:
    """Unless nothing can match one of its parts: then the loader says so, and nothing else."""
    told = faults_of(printed(of_book(book)))
    if told:
        assert all("at once" in message or "nothing is" in message for message in told)
        return
    read = again(of_book(book)).book.resolve(TEMPLATES)
    kept = replace(book.resolve(TEMPLATES), include_locked=read.include_locked)
    assert [read.judge(row, NOW) for row in rows] == [kept.judge(row, NOW) for row in rows]


HOSTILE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20).filter(
    lambda text: all(ord(letter) >= 32 or letter in "\t\n" for letter in text)
)


@settings(max_examples=500)
@given(text=HOSTILE, kind=st.sampled_from(["exact", "glob"]))
def test_any_text_reads_back_letter_by_letter(text: str, kind: str) -> None:
    match = TextTest("entity", (Pattern(kind, text),))
    rule = Rule(id="a", match=AnyOf((Use(text, match), match)), action=Action.KILL)
    read = again(of_book(RuleBook(rules=(rule,)))).book.rules[0].match
    assert read == rule.match


@pytest.mark.parametrize("text", [GOOD, *(file.read_text(encoding="utf-8") for file in CONFIGS.glob("*.yaml"))])
def test_whole_files_read_back_equal(text: str) -> None:
    file = parse_rules(text, "rules.yaml")
    read = again(file)
    assert (read.portal, read.limits) == (file.portal, file.limits)
    assert [str(rule.match) for rule in read.book.rules] == [str(rule.match) for rule in file.book.rules]
    assert [(rule.id, rule.action, rule.reason, rule.take) for rule in read.book.rules] == [
        (rule.id, rule.action, rule.reason, rule.take) for rule in file.book.rules
    ]
    assert printed(read) == printed(file)
