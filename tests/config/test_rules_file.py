"""The strict loader: every fault with its place and the way out, all of a file's faults at once, never a traceback."""

import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.config import Fault, Faults, RulesFile, load_rules, parse_rules, vocabulary
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
    assert (file.pace.batch_seconds, file.pace.concurrency, file.pace.max_slowdown) == (10.0, "auto", 1.5)


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
        # words from elsewhere
        ("version: 1\nrules:\n  - {id: a, ¦filters: {id: x}, action: kill}\n", "Did you mean “match”"),
        (RULE.format("{¦older_than: 90d}"), "stands within a field; write started: {older_than: …}"),
        (RULE.format("{¦glob: 'x*'}"), "stands within a field"),
        (RULE.format("{¦Started: {older_than: 1d}}"), "Did you mean “started”"),
        (RULE.format("{document_type: ¦smart_process}"), "dynamic_128"),
        (RULE.format("{template: {¦exist: false}}"), "Did you mean “exists”"),
        ("version: 1\ntimezone: ¦europe/moskow\nrules: []\n", "Did you mean “Europe/Moscow”"),
        # YAML 1.1
        (RULE.format("{¦<<: {id: x}}"), "not merged"),
        (RULE.format("{template: ¦=}"), "is a sign to some YAML readers"),
        (RULE.format("{template: ¦0123}"), "quote"),
        (RULE.format("{template: ¦1_000}"), "quote"),
        (RULE.format("{template_id: ¦!!int 1}"), "the tag !!int is not allowed"),
        ("version: 1\nsets: {¦no: {id: x}}\nrules: []\n", "yes or no"),
        (RULE.format("{template: ¦NO}"), "quote"),
        (RULE.format("{document_id: ¦22:00}"), "quote"),
        (RULE.format("{document_id: ¦1e5}"), "quote"),
        (RULE.format("{document_id: ¦0o17}"), "quote"),
        (RULE.format("{document_id: ¦.inf}"), "quote"),
        (RULE.format("{document_id: ¦2024-01-31}"), "is a date to YAML readers"),
        (RULE.format("{id: ¦12345678901234.36306599}"), "quote"),
        (RULE.format("{template: ¦~}"), "a value is missing"),
        ("version: 1\nlimits: {max_percent: ¦010}\nrules: []\n", "number"),
        ("version: 1\nlimits: {max_kill: ¦no}\nrules: []\n", "number"),
        ("version: 1\nrules:\n  - {id: ¦on, match: everything, action: keep}\n", "yes or no"),
        (RULE.format("{template_id: ¦0212}"), "whole number"),
        (RULE.format("{template_id: ¦2_12}"), "whole number"),
        (RULE.format("{locked: ¦yes}"), "true or false"),
        # times
        (RULE.format("{started: {older_than: ¦90}}"), "unit"),
        (RULE.format("{started: {older_than: ¦3 months}}"), "month"),
        (RULE.format("{started: {older_than: ¦0d}}"), "0d"),
        (RULE.format("{started: {older_than: ¦1.5d}}"), "no duration"),
        (RULE.format("{started: {older_than: ¦-1d}}"), "no duration"),
        (RULE.format("{started: {older_than: ¦100000d}}"), "no sensible duration"),
        (RULE.format("{started: {older_than: ¦1000000000000000000000000000005d}}"), "no duration"),
        (RULE.format("{stuck: {longer_than: ¦1}}"), "unit"),
        (RULE.format("{started: {older_than: ¦[1d, 2d]}}"), "one value is wanted"),
        (RULE.format("{started: ¦90d}"), "must be a map"),
        (RULE.format("{started: {exists: true, ¦older_than: 1d}}"), "“started” with “exists” has no key “older_than”"),
        (RULE.format("{started: ¦{older_than: 90d, newer_than: 30d}}"), "nothing is older than 90d and newer than 30d"),
        (RULE.format("{modified: ¦{before: 2024-01-01T00:00:00Z, after: 2025-01-01T00:00:00Z}}"), "nothing is"),
        (RULE.format("{started: {before: ¦2024-01-01}}"), "timezone"),
        (RULE.format("{started: {before: ¦yesterday}}"), "ISO"),
        ("version: 1\ntimezone: ¦Mars/Base\nrules: []\n", "no time zone"),
        (RULE.format("{started: {older_than: ¦90days}}"), "did you mean 90d?"),
        (RULE.format("{started: {older_than: ¦90 D}}"), "did you mean 90d?"),
        (RULE.format("{started: {older_than: ¦3M}}"), "no duration"),
        (RULE.format("{started: {older_than: ¦1d1d}}"), "each unit once"),
        (RULE.format("{started: {older_than: ¦}}"), "a duration is missing"),
        # what cannot be true at once
        (RULE.format("{all: [{started: {older_than: 90d}}, ¦{started: {newer_than: 30d}}]}"), "at once"),
        (RULE.format("{started: {older_than: 90d}, ¦all: [{any: [{started: {newer_than: 30d}}]}]}"), "at once"),
        (RULE.format("{any: [{id: x}, {all: [{stuck: true}, ¦{locked: true}]}]}"), "at once"),
        (RULE.format("{template_id: 1, ¦not: {template_id: [1, 2]}}"), "at once"),
        (RULE.format("{started: {exists: false}, ¦all: [{started: {older_than: 1d}}]}"), "at once"),
        (RULE.format("{not: {module: crm, ¦any: [{module: lists}, {module: disk}]}}"), "at once"),
        # values
        (RULE.format("{template: {regex: ¦'['}}"), "regular expression"),
        (RULE.format("{template: ¦''}"), "an empty text matches nothing"),
        (RULE.format("{template: {regex: ¦'[[a]'}}"), "Possible nested set"),
        (RULE.format("{template: {regex: ¦[a]}}"), "takes one text"),
        (RULE.format("{template: ¦{glob: a, regex: b}}"), "either"),
        (RULE.format("{started_by: ¦-1}"), "whole number"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: ¦delete}\n", "there is no action"),
        ("version: 1\nlimits: {max_kill: ¦lots}\nrules: []\n", "number"),
        ("version: 1\nlimits: {max_percent: ¦250}\nrules: []\n", "100"),
        ("version: 1\nportal: ¦https://acme.bitrix24.ru/\nrules: []\n", "without https://"),
        ("version: 1\nportal: ¦'...'\nrules: []\n", "the portal is a host"),
        ("version: 1\nlimits: ¦off\nrules: []\n", "must be a map"),
        ("version: 1\npace: {operating_share: ¦1.5}\nrules: []\n", "1"),
        ("version: 1\npace: {batch_seconds: ¦60}\nrules: []\n", "up to 50"),
        ("version: 1\npace: {max_slowdown: ¦1}\nrules: []\n", "1"),
        ("version: 1\npace: {concurrency: ¦0}\nrules: []\n", "from 1"),
        ("version: 1\npace: {requests: ¦fast}\nrules: []\n", "not known"),
        ("version: 1\npace: {requests: ¦{burst: 50}}\nrules: []\n", "lacks “per_second”"),
        # the shape
        ("version: 1\nprotect:¦\nrules: []\n", "must be a list"),
        ("version: 1\nrules: ¦{a: 1}\n", "must be a list"),
        ("version: 1\nrules:\n  - ¦kill\n", "must be a map"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: kill, take: ¦200}\n", "must be a map"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: kill, take: {count: ¦0}}\n", "from 1"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: keep, take: ¦{count: 5}}\n", "no meaning"),
        ("version: 1\nrules:\n  - {id: a, match: everything, action: kill, reason: ¦'by {ru}'}\n", "“{ru}” cannot"),
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
        (b"a: " + b"[" * 200 + b"]" * 200, "rules.yaml:1:44: nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b"- " * 120_000, "nested too deeply"),
        (b"{a: " * 60_000, "nested too deeply"),
        (b"? " * 120_000, "nested too deeply"),
        (b"version: 1\nsets: {a: &a {any: [*a]}}\nrules: []\n", "nested too deeply"),
        ("# не по-английски\nrules: \x00\n".encode(), "rules.yaml:2:8: the character U+0000 cannot stand in YAML"),
        (b"version: 1\n\trules: []\n", "indent with blanks"),
        (
            b"version: 1\nrules: [{id: *a}]\n",
            "put a text that begins with “*” in quotes",
        ),
        (b"version: 1\nrules: 'a\n", "this began in line 2"),
        ("version: 1\n# a comment\u2028rules: []\n".encode(), "rules.yaml:2:12: this line break"),
        ("version: 1\n# a comment\x85rules: []\n".encode(), "rules.yaml:2:12: this line break"),
        (b"version: 1\n# a comment\rrules: []\n", "rules.yaml:2:12: this line break"),
    ],
)
def test_what_is_no_rules_file_is_told_so(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(content)
    with pytest.raises(Faults) as caught:
        load_rules(file)
    assert words in str(caught.value), str(caught.value)


@pytest.mark.parametrize("key", ['"\\e[31mred"', '"\\u202Eder"', '"a\\nb"'])
def test_no_control_character_of_a_file_reaches_the_terminal(key: str) -> None:
    told = in_match(f"{{{key}: 1}}")
    assert told.isprintable(), told


def test_a_long_word_is_told_in_short() -> None:
    assert len(in_match(f"{{template_id: {'9' * 5000}}}")) < 700


def test_a_text_that_is_no_unicode_is_refused() -> None:
    assert "UTF-8" in only_fault(RULE.format('{template: "\ud800"}'))


def test_aliases_that_explode_are_refused() -> None:
    lines = ["version: 1", "sets:", "  a0: &a0 {template_id: 1}"]
    lines += [f"  a{n}: &a{n} {{any: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
    assert "explode" in only_fault("\n".join([*lines, "rules: []"]))


def test_sets_that_explode_are_refused() -> None:
    lines = ["version: 1", "sets:", "  a0: {template_id: 1}"]
    lines += [f"  a{n}: {{any: [{', '.join([f'{{use: a{n - 1}}}'] * 10)}]}}" for n in range(1, 30)]
    first = faults("\n".join([*lines, "rules: []"]))[0]
    assert first == "rules.yaml:7:7: with the sets that it uses this has more than 10,000 tests"


@pytest.mark.parametrize("step", [1, -1], ids=["used before they are read", "read before they are used"])
def test_a_long_chain_of_sets_is_refused(step: int) -> None:
    chain = "".join(f"  a{n}: {{use: a{n + 1}}}\n" for n in list(range(1000))[::step])
    text = f"version: 1\nsets:\n{chain}  a1000: {{template_id: 1}}\nrules: []\n"
    assert "sets are nested too deeply" in faults(text)[0]


def test_the_deepest_file_that_loads_can_be_judged() -> None:
    """The recursion of Python has a limit; files must meet ours first."""
    deep = "".join(["{any: [{all: ["] * 8) + "{use: a%d}, {entity: x}" + "".join(["]}]}"] * 8)
    sets = "".join(f"  a{n}: {deep % (n + 1)}\n" for n in range(4)) + "  a4: {template_id: 1}\n"
    file = load(f"version: 1\nsets:\n{sets}" + RULE.format(deep % 0)[11:])
    verdict = file.book.judge(Instance(id="x"), NOW)
    assert (verdict.decision, verdict.field) == (Decision.UNDECIDED, "template_id")


def test_a_set_that_uses_itself_is_refused() -> None:
    told = only_fault("version: 1\nsets:\n  a: {use: b}\n  b: {use: a}\nrules: []\n")
    assert told == "rules.yaml:4:12: the set “a” uses itself"


@pytest.mark.parametrize(
    "sets", ["sets: {s: {startd: 1}}", "sets: {s: &s {startd: 1}, t: *s}"], ids=["used by rules", "by an alias too"]
)
def test_a_fault_in_a_set_is_told_once(sets: str) -> None:
    rules = "".join(f"  - {{id: {name}, match: {{use: s}}, action: kill}}\n" for name in "abc")
    assert "startd" in only_fault(f"version: 1\n{sets}\nrules:\n{rules}")


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
        (["a, match: {use: all}", "b, match: {template_id: 1}"], ["b"]),
        (["a, match: {any: [{id: x}, everything]}", "b, match: {template_id: 1}"], ["b"]),
        (["a, match: {all: [{id: x}, everything]}", "b, match: {template_id: 1}"], []),
        (["a, match: {not: everything}", "b, match: {template_id: 1}"], []),
        (["a, match: {template_id: 7}", "b, match: {template_id: 1}"], ["a"]),
        (["a, match: {template_id: [1, 2]}", "b, match: {template_id: 2, started: {older_than: 9d}}"], ["b"]),
        (["a, match: {template_id: 2, started: {older_than: 9d}}", "b, match: {template_id: [1, 2]}"], []),
        (["a, match: {started: {older_than: 30d}}", "b, match: {started: {older_than: 90d}, module: crm}"], ["b"]),
        (["a, match: {started: {older_than: 90d}}", "b, match: {started: {older_than: 30d}}"], []),
        (["a, match: {started: {older_than: 30d}}", "b, match: {modified: {older_than: 90d}}"], []),
    ],
)
def test_a_rule_that_can_never_match_is_a_warning(rules: list[str], shadowed: list[str]) -> None:
    """Template 7 is protected; the set “all” says everything."""
    text = "version: 1\nsets: {all: everything}\nprotect: [{id: p, match: {template_id: 7}}]\nrules:\n"
    text += "".join(f"  - {{id: {rule}, action: kill}}\n" for rule in rules)
    told = [str(warning) for warning in parse_rules(text, "rules.yaml").warnings if "no match uses" not in str(warning)]
    assert len(told) == len(shadowed)
    assert all(f"“{name}” can never match" in line for name, line in zip(shadowed, told, strict=True))


def test_protecting_everything_leaves_nothing_to_the_rules() -> None:
    file = load("version: 1\nprotect: [{id: p, match: everything}]\n" + RULE.format("{template_id: 1}")[11:])
    everything, shadow = map(str, file.warnings)
    assert "rules.yaml:2:1: “p” protects everything" in everything
    assert "“a” can never match: “p” in line 2" in shadow


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
    written = '{"version": 1, "rules": [{"id": "a", "match": {"template_id": 7}, "action": "kill"}]}'
    assert selects(load(written), template_id=7)


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
    _read_or_refused(text)


SECTIONS = ("version", "portal", "timezone", "limits", "pace", "sets", "protect", "rules")
ENTRY = ("id", "match", "action", "reason", "take", "why", "all", "any", "not", "use")
OPERATORS = ("exists", "glob", "regex", "older_than", "newer_than", "before", "after", "longer_than")
words = st.sampled_from([*SECTIONS, *ENTRY, *OPERATORS, *vocabulary.FIELDS, "s"])
values: st.SearchStrategy[object] = st.recursive(
    st.one_of(
        st.sampled_from(["everything", "kill", "keep", "auto", "off", "lead", "90d", "2024-01-31", "UTC", "a", "s"]),
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=25,
)
matches = st.recursive(
    st.dictionaries(words, values, min_size=1, max_size=3),
    lambda inner: st.dictionaries(words, inner | st.lists(inner, max_size=3) | values, max_size=3),
    max_leaves=6,
)
rules = st.fixed_dictionaries({"id": values | st.just("a"), "match": matches, "action": st.just("kill") | values})
files = st.fixed_dictionaries(
    {"version": st.just(1), "rules": st.lists(rules, max_size=3) | values},
    optional=dict.fromkeys(("portal", "timezone", "limits", "pace", "sets", "protect", "extra"), values),
)


@settings(max_examples=200, deadline=None)
@given(file=files | values)
def test_any_shape_is_read_or_refused(file: object) -> None:
    """The right words in the wrong places, as a program or a hasty hand would write them."""
    _read_or_refused(json.dumps(file))
    _read_or_refused(yaml.safe_dump(file, allow_unicode=True))


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with suppress(Faults):
        load_rules(file)


def _read_or_refused(text: str) -> None:
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
