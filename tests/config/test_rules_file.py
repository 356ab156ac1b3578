"""The strict loader: every fault with its place and the way out, all of a file's faults at once, never a traceback."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import Fault, Faults, RulesFile, load_rules, parse_rules
from cleanup.guards import Limits
from cleanup.model import Decision, Instance

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = """\
version: 1
portal: acme.bitrix24.ru
timezone: Europe/Moscow
limits: {max_kill: 500, max_percent: 25, max_failed_percent: off}
pace: {requests: {burst: 50, per_second: 2}, operating_limit: 480, concurrency: auto}
sets:
  payroll: {template_id: [212, 230]}
protect:
  - {id: payroll, match: {use: payroll}, why: "finance, never touch"}
  - {id: recent, match: {started: {newer_than: 1d}}}
rules:
  - id: keep-approvals
    match: {template: {glob: "Согласование*"}, started: {newer_than: 180d}}
    action: keep
  - id: stale-leads
    match:
      any:
        - {document_type: [lead, dynamic_128], started: {older_than: 90d}}
        - not: {started_by: 1}
          modified: {before: 2024-01-31}
    action: kill
  - id: stuck
    match: {stuck: {longer_than: 1h}}
    action: terminate
    reason: "stopped by {rule}, run {run}"
    take: {count: 200, order: oldest}
"""
RULE = "version: 1\nrules:\n  - {{id: a, match: {}, action: kill}}\n"


def faults(text: str) -> list[str]:
    with pytest.raises(Faults) as caught:
        parse_rules(text, "rules.yaml")
    return [str(fault).splitlines()[0] for fault in caught.value.faults]


def only_fault(text: str) -> str:
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def in_match(match: str) -> str:
    return only_fault(RULE.format(match))


def test_a_good_file_is_read() -> None:
    file = parse_rules(GOOD, "rules.yaml")
    assert file.portal == "acme.bitrix24.ru"
    assert file.limits == Limits(max_kill=500, max_percent=25.0, max_failed_percent=None)
    assert [rule.id for rule in file.book.rules] == ["keep-approvals", "stale-leads", "stuck"]
    assert file.book.rules[2].take is not None
    assert file.book.rules[2].take.count == 200
    assert file.digest.startswith("sha256:")
    assert not file.warnings


def test_what_a_file_does_not_say_has_the_documented_defaults() -> None:
    file = parse_rules(RULE.format("everything"), "rules.yaml")
    assert file.limits == Limits(max_kill=500, max_percent=25.0, max_failed_percent=10.0)
    assert (file.pace.requests, file.pace.operating_limit, file.pace.operating_share) == ("auto", 480.0, 0.9)
    assert (file.pace.batch_seconds, file.pace.concurrency) == (10.0, "auto")


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        # duplicates and misspelt words
        ("version: 1\nrules: []\n¦rules: []\n", "stands here twice; first in line 2"),
        (RULE.format("{started: {older_than: 1d}, ¦started: {newer_than: 1d}}"), "stands here twice"),
        ("version: 1\n¦ruls:\n  - {id: a, match: everything, action: kill}\n", "Did you mean “rules”"),
        (RULE.format("{¦startd: {older_than: 1d}}"), "Did you mean “started”"),
        (RULE.format("{¦filters: {}}"), "there is no test “filters”"),
        (RULE.format("{started: {¦older: 90d}}"), "Did you mean “older_than”"),
        (RULE.format("{document_type: ¦leads}"), "Did you mean “lead”"),
        (RULE.format("{document_type: ¦dynamic_0}"), "there is no document type"),
        (RULE.format("{use: ¦payrol}"), "there is no set “payrol”"),
        # what must be there
        ("version: 1\nrules:\n  - ¦{id: a, match: everything}\n", "lacks “action”"),
        ("version: 1\nrules:\n  - ¦{id: a, action: kill}\n", "lacks “match”"),
        ("version: 1\nrules:\n  - ¦{match: everything, action: kill}\n", "lacks “id”"),
        ("version: 1\nrules:\n  - {id: a, match: ¦{}, action: kill}\n", "match: everything"),
        ("version: 1\nrules:\n  - {id: a, match: ¦, action: kill}\n", "match: everything"),
        ("version: 1\nrules:\n  - {id: a, match: ¦[], action: kill}\n", "for OR write “any:”"),
        (RULE.format("{any: ¦[]}"), "empty list"),
        (RULE.format("{template_id: ¦[]}"), "empty list matches nothing"),
        (RULE.format("{started: ¦{}}"), "holds no test"),
        ("¦rules: []\n", "version: 1"),
        ("version: ¦2\nrules: []\n", "not known"),
        ("¦version: 1\n", "lacks “rules”"),
        # YAML 1.1
        (RULE.format("{template: ¦NO}"), "quote"),
        (RULE.format("{document_id: ¦22:00}"), "quote"),
        (RULE.format("{document_id: ¦1e5}"), "quote"),
        (RULE.format("{document_id: ¦0o17}"), "quote"),
        (RULE.format("{template_id: ¦0212}"), "whole number"),
        (RULE.format("{template_id: ¦2_12}"), "whole number"),
        (RULE.format("{locked: ¦yes}"), "true or false"),
        # times
        (RULE.format("{started: {older_than: ¦90}}"), "unit"),
        (RULE.format("{started: {older_than: ¦3 months}}"), "month"),
        (RULE.format("{started: {older_than: ¦0d}}"), "0d"),
        (RULE.format("{started: ¦{older_than: 90d, newer_than: 30d}}"), "nothing is older than 90d and newer than 30d"),
        (RULE.format("{modified: ¦{before: 2024-01-01T00:00:00Z, after: 2025-01-01T00:00:00Z}}"), "nothing is"),
        (RULE.format("{started: {before: ¦2024-01-01}}"), "timezone"),
        (RULE.format("{started: {before: ¦yesterday}}"), "ISO"),
        ("version: 1\ntimezone: ¦Mars/Base\nrules: []\n", "no time zone"),
        # values
        (RULE.format("{template: {regex: ¦'['}}"), "regular expression"),
        (RULE.format("{template: ¦{glob: a, regex: b}}"), "either"),
        (RULE.format("{started_by: ¦-1}"), "whole number"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: ¦delete}\n", "there is no action"),
        ("version: 1\nlimits: {max_kill: ¦lots}\nrules: []\n", "number"),
        ("version: 1\nlimits: {max_percent: ¦250}\nrules: []\n", "100"),
        ("version: 1\nportal: ¦https://acme.bitrix24.ru/\nrules: []\n", "without https://"),
        ("version: 1\npace: {operating_share: ¦1.5}\nrules: []\n", "1"),
    ],
)
def test_each_fault_is_told_with_its_place_and_the_way_out(marked: str, words: str) -> None:
    """The mark ¦ stands where the fault is."""
    before, after = marked.split("¦")
    told = only_fault(before + after)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert told.startswith(f"rules.yaml:{line}:{column}: "), told
    assert words in told


def test_a_taken_id_is_refused_also_between_protect_and_rules() -> None:
    text = "version: 1\nprotect:\n  - {id: a, match: everything}\n" + RULE.format("everything").split("\n", 1)[1]
    assert "the id “a” is taken; line 3 has it" in only_fault(text)


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    rules = "rules:\n  - {id: a, match: {startd: 1}, action: kil}\n  - {id: a, match: {}, action: keep}\n"
    text = f"version: 1\nlimit: {{}}\n{rules}"
    found = faults(text)
    assert [told.split(": ")[0] for told in found] == [
        "rules.yaml:2:1",
        "rules.yaml:4:21",
        "rules.yaml:4:41",
        "rules.yaml:5:10",
        "rules.yaml:5:20",
    ]


def test_a_fault_shows_its_line_and_a_caret_under_the_place() -> None:
    with pytest.raises(Faults) as caught:
        parse_rules(RULE.format("{startd: {older_than: 1d}}"), "rules.yaml")
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^") :].startswith("startd")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"# nothing but this\n", "empty"),
        (b"- a\n- b\n", "must be a map"),
        (b"version: 1\n---\nversion: 1\n", "second document"),
        (b"version: [1\nrules: []\n", "rules.yaml:2"),
        (b"version: 1\n\trules: []\n", "rules.yaml:2"),
        (b"version: 1\nrules: \xff\xfe\n", "UTF-8"),
        ("version: 1\nrules: []\n".encode("utf-16"), "UTF-8"),
        (b"version: 1\nrules: !!python/object/apply:os.system ['true']\n", "tag"),
        (b"x" * 300_000, "bytes"),
        (b"a: " + b"[" * 200 + b"]" * 200, "deep"),
        (b"version: 1\nrules: \x00\n", "character"),
    ],
)
def test_what_is_no_rules_file_is_told_so(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(content)
    with pytest.raises(Faults) as caught:
        load_rules(file)
    assert words in str(caught.value), str(caught.value)


def test_aliases_that_explode_are_refused() -> None:
    lines = ["version: 1", "sets:", "  a0: &a0 {template_id: 1}"]
    lines += [f"  a{n}: &a{n} {{any: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
    assert "explode" in only_fault("\n".join([*lines, "rules: []"]))


def test_a_set_that_uses_itself_is_refused() -> None:
    text = "version: 1\nsets:\n  a: {use: b}\n  b: {use: a}\nrules: []\n"
    assert any("uses itself" in told for told in faults(text))


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(Faults, match="there is no such file"):
            load_rules(path)


@pytest.mark.parametrize(
    ("rules", "shadowed"),
    [
        (["a, match: everything", "b, match: {template_id: 1}"], ["b"]),
        (["a, match: {template_id: 1}", "b, match: {template_id: 1}"], ["b"]),
        (["a, match: {template_id: 1}", "b, match: {template_id: 2}"], []),
    ],
)
def test_a_rule_that_can_never_match_is_a_warning(rules: list[str], shadowed: list[str]) -> None:
    text = "version: 1\nrules:\n" + "".join(f"  - {{id: {rule}, action: kill}}\n" for rule in rules)
    told = [str(warning) for warning in parse_rules(text, "rules.yaml").warnings]
    assert len(told) == len(shadowed)
    assert all(f"“{name}” can never match" in line for name, line in zip(shadowed, told, strict=True))


def test_bare_dates_are_of_the_files_timezone() -> None:
    file = parse_rules(
        "version: 1\ntimezone: Europe/Moscow\n" + RULE.format("{started: {before: 2026-11-01}}")[11:], "rules.yaml"
    )
    midnight = datetime(2026, 10, 31, 21, tzinfo=UTC)
    assert selects(file, started=midnight - timedelta(seconds=1))
    assert not selects(file, started=midnight)


def test_crlf_a_byte_order_mark_and_json_are_fine() -> None:
    assert load(GOOD.replace("\n", "\r\n")).book == load(GOOD).book
    assert parse_rules("\ufeff" + GOOD, "rules.yaml").book == load(GOOD).book
    json = '{"version": 1, "rules": [{"id": "a", "match": {"template_id": 7}, "action": "kill"}]}'
    assert selects(load(json), template_id=7)


def load(text: str) -> RulesFile:
    return parse_rules(text, "rules.yaml")


def selects(file: RulesFile, **values: object) -> bool:
    row = Instance(id="x", **values)  # type: ignore[arg-type] # the tests hand in what fits
    return file.book.judge(row, NOW).decision is Decision.SELECTED


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_or_refused_and_never_breaks_the_loader(seed: int) -> None:
    """A typo, a lost line, a line twice, a piece moved: what people do to files."""
    chance = random.Random(seed)
    text = GOOD
    for _ in range(chance.randint(1, 4)):
        text = _damaged(text, chance)
    told: tuple[Fault, ...] = ()
    try:
        parse_rules(text, "rules.yaml")
    except Faults as error:
        told = error.faults or (Fault("rules.yaml", 0, 0, ""),)
    assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in told)


def _damaged(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    place = chance.randrange(len(text) or 1)
    return chance.choice(
        [
            "\n".join(lines[:at] + lines[at + 1 :]),
            "\n".join(lines[:at] + [lines[at]] * 2 + lines[at + 1 :]),
            text[:place] + chance.choice("{}[]:,&*!|>'\"%@`#-\t\n é0") + text[place:],
            text[:place] + text[place + 1 :],
            text[:place] + text[place + chance.randint(1, 40) :],
            "\n".join([*lines[:at], "  " + lines[at], *lines[at + 1 :]]),
        ]
    )
