"""A rules file that is printed back and loaded judges the same."""

import pytest
from hypothesis import given, settings

from cleanup.config import RulesFile, parse_rules
from cleanup.config.printer import printed
from cleanup.model import Action, Instance
from cleanup.rules import Protect, Rule, RuleBook, Take
from cleanup.rules.match import Match
from tests.config.test_configs import CONFIGS
from tests.config.test_rules_file import GOOD
from tests.rules.test_match import NOW, TEMPLATES, instances, matches


def again(file: RulesFile) -> RulesFile:
    return parse_rules(printed(file), "printed.yaml")


@settings(max_examples=500)
@given(match=matches, row=instances)
def test_every_match_reads_back_as_the_same_judgement(match: Match, row: Instance) -> None:
    base = parse_rules(GOOD, "rules.yaml")
    rule = Rule(id="a", match=match, action=Action.KILL, reason='“ {rule} \\ "x"', take=Take(3, "newest"))
    book = RuleBook(protect=(Protect("p", match, "why: not"),), rules=(rule,))
    file = RulesFile(
        path=base.path,
        source="",
        digest="",
        portal=None,
        limits=base.limits,
        pace=base.pace,
        book=RuleBook(rules=(rule,)),
    )
    for kept in (file.book, book):
        read = again(RulesFile(**{name: getattr(file, name) for name in file.__slots__} | {"book": kept})).book
        assert read.resolve(TEMPLATES).judge(row, NOW) == kept.resolve(TEMPLATES).judge(row, NOW)


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
