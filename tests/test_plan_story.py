"""A plan tells its story: what is among the selected, what it costs, what stands against it, what differs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.compare import compare
from cleanup.model import Action, Entry, Instance
from tests.harness import RULES, Shop, shop

FAST = ("--licence", "ru_selfhosted", "--instances", "1500", "--seed", "5", "--kill-seconds", "0.002")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A portal on which nothing is ended."""
    with shop(tmp_path_factory.mktemp("story"), *FAST) as opened:
        opened.rules(RULES)
        yield opened
        assert opened.ledger()["kills_effective"] == 0


def rules(here: Shop, name: str, text: str) -> str:
    (here.folder / name).write_text(text, encoding="utf-8")
    return name


def plan(here: Shop, *words: str, code: int = 0) -> dict[str, Any]:
    done = here.call("plan", *words, "-o", "json")
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout)) if done.stdout else {}


def test_the_text_of_a_plan_has_every_part_of_the_story(here: Shop) -> None:
    done = here.call("plan", "rules.yaml", COLUMNS="140")
    assert done.returncode == 0, done.stderr
    told = done.stdout
    rows = [dict(row) for row in json.loads(here.call("report", "last", "--format", "json").stdout)]
    assert re.search(r"^ old +kill +\d+", told, re.MULTILINE), "a table by rule"
    assert re.search(r"protected: [\d,]+ by recent, because started is not known", told)
    biggest = re.findall(r"^ +([\d,]+)  .+ \(\d+|no id\)$", told, re.MULTILINE)
    assert len(biggest) == 10
    oldest, newest = min(row["started"] for row in rows), max(row["started"] for row in rows)
    assert f"The oldest started {oldest[:10]}" in told
    assert f"the newest {newest[:10]}" in told
    for rule in ("old", "hung"):
        ids = sorted(row["id"] for row in rows if row["rule"] == rule)
        assert all(identity in told for identity in ids[:5])
        assert not any(identity in told for identity in ids[5:])
    assert "a guess of 0.05 to 0.5 s for each" in told
    assert "held back by" in told
    assert "The guards have nothing against it." in told
    assert told.splitlines()[-1].startswith("Then end it: b24-cleanup apply ")


def test_what_the_guards_say_stands_in_the_place_of_the_next_command(here: Shop) -> None:
    capped = rules(here, "capped.yaml", RULES.replace("max_kill: off", "max_kill: 3"))
    told = here.call("plan", capped).stdout
    assert "would be refused: The plan selects" in told
    assert "Then end it" not in told


def test_the_forecast_is_in_the_document(here: Shop) -> None:
    told = plan(here, "rules.yaml")["forecast"]
    assert told["measured"] is False
    assert 0 < told["seconds"][0] < told["seconds"][1]
    assert 0 < told["requests"][0] <= told["requests"][1]


def test_a_rule_or_an_alternative_that_selects_nothing_is_told(here: Shop) -> None:
    text = """\
version: 1
limits: {max_kill: off, max_percent: off}
rules:
  - {id: nobody, match: {started_by: 999999}, action: kill}
  - id: leads
    match: {document_type: [lead, dynamic_999999], any: [{started_by: [1, 888888]}, {started: {older_than: 30d}}]}
    action: kill
"""
    warnings = plan(here, rules(here, "idle.yaml", text))["warnings"]
    assert "Rule nobody selected nothing." in warnings
    assert {w for w in warnings if w.startswith("Rule leads")} == {
        "Rule leads selected nothing by document_type: [dynamic_999999].",
        "Rule leads selected nothing by started_by: [888888].",
    }


def test_a_share_that_is_meaningless_for_the_portals_size_is_told(here: Shop) -> None:
    small = RULES.replace("max_percent: off", "max_percent: 0.01")
    assert any("allows not one" in warning for warning in plan(here, rules(here, "small.yaml", small))["warnings"])


def test_a_template_that_does_not_exist_is_an_error_with_its_place_and_the_nearest_names(here: Shop) -> None:
    name = next(row["name"] for row in json.loads(here.call("templates", "-o", "json").stdout) if row["name"])
    text = f"version: 1\nrules:\n  - {{id: a, match: {{template: [{name}x]}}, action: kill}}\n"
    before = here.call("runs", "-o", "json").stdout
    done = here.call("plan", rules(here, "misspelt.yaml", text))
    assert done.returncode == 2
    assert re.search(r"misspelt\.yaml:3:\d+: the portal has no template", done.stderr)
    assert name in done.stderr
    shown, caret = done.stderr.splitlines()[-2:]
    assert shown.strip() == text.splitlines()[2].strip()
    assert shown[caret.index("^")] == "[", "the caret stands under the names"
    assert here.call("runs", "-o", "json").stdout == before, "no checkpoint is left behind"


def test_a_plan_is_compared_with_another_run(here: Shop) -> None:
    plan(here, "rules.yaml")
    first = {row["id"]: row["rule"] for row in json.loads(here.call("report", "last", "--format", "json").stdout)}
    changed = RULES.replace("older_than: 90d", "older_than: 200d").replace("id: hung", "id: stuck-ones")
    told = plan(here, rules(here, "changed.yaml", changed), "--diff", "last")
    second = {row["id"]: row["rule"] for row in json.loads(here.call("report", "last", "--format", "json").stdout)}
    diff = told["diff"]
    assert {row["id"] for row in diff["new"]} == second.keys() - first.keys()
    assert {row["id"] for row in diff["no_longer"]} == first.keys() - second.keys() != set()
    moved = {identity for identity in first.keys() & second.keys() if first[identity] != second[identity]}
    assert {row["id"] for row in diff["other_rule"]} == moved != set()
    assert diff["same"] == len(first.keys() & second.keys()) - len(moved)
    text = here.call("plan", "changed.yaml", "--diff", "last").stdout
    assert f"{told['totals']['selected']:,} selected by both" in text


IDS = st.text("abc", min_size=1, max_size=3)
PLANS = st.dictionaries(IDS, st.tuples(st.sampled_from("rs"), st.sampled_from([Action.KILL, Action.TERMINATE])))


def entries(chosen: dict[str, tuple[str, Action]]) -> list[Entry]:
    return [
        Entry(instance=Instance(id=name), rule=rule, action=action, reason="")
        for name, (rule, action) in sorted(chosen.items())
    ]


@given(old=PLANS, new=PLANS)
def test_a_comparison_counts_every_entry_of_both_plans_once(
    old: dict[str, tuple[str, Action]], new: dict[str, tuple[str, Action]]
) -> None:
    found = compare(entries(old), entries(new))
    both = old.keys() & new.keys()
    assert {entry.id for entry in found.new} == new.keys() - old.keys()
    assert {entry.id for entry in found.no_longer} == old.keys() - new.keys()
    assert {move.id for move in found.moved} == {name for name in both if old[name] != new[name]}
    assert found.same == sum(old[name] == new[name] for name in both)
