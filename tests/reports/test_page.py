"""The page as a text: self-contained, small, one policy, nothing of others alive in it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cleanup.journal import Journal
from cleanup.model import Instance
from cleanup.reports.html.page import page
from tests.reports import journals

EVIL = "<script>alert(1)</script></script><img src=x onerror=alert(2)>\"'\u202e&amp;"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with journals.applied(tmp_path_factory.mktemp("run") / "run.sqlite", 600) as journal:
        yield journal


def payload(text: str) -> dict[str, list[list[object]]]:
    found: dict[str, list[list[object]]] = json.loads(re.findall(r'id="payload">(.*?)</script>', text)[0])
    return found


def test_it_names_nothing_that_a_browser_would_fetch(run: Journal) -> None:
    text = page(run, language="en")
    assert not re.search(r"<(?:link|img|iframe|object|embed|base|audio|video)\b|\bsrc=|@import|url\(", text)
    links = re.findall(r'href="([^"]*)"', text)
    assert all(link.startswith(("#", "https://acme.bitrix24.ru/")) for link in links)


def test_its_policy_lets_only_its_own_style_and_script_run(run: Journal) -> None:
    text = page(run, language="ru")
    policy = re.findall(r'Content-Security-Policy" content="(.*?)">', text)[0]
    for tag, count in (("style", 1), ("script", 2)):
        contents = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents]
        assert re.findall(rf"{tag}-src ([^;]*);", policy)[0].split() == [f"'sha256-{digest}'" for digest in digests]
        assert len(contents) == count
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"\son\w+=|\sstyle=", text)


def test_names_with_html_stay_text(tmp_path: Path) -> None:
    instances = [Instance(id=EVIL, template_id=1, document_id=EVIL, module=EVIL, entity=EVIL)]
    with journals.planned(
        tmp_path / "run.sqlite", 1, {1: EVIL}, instances, portal=EVIL, rules_file=EVIL, rules_digest=EVIL
    ) as journal:
        text = page(journal, language="en")
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert len(re.findall(r"<script", text)) == 3


def test_it_tells_what_was_decided_and_what_became_of_it(run: Journal) -> None:
    text = re.sub(r"<[^>]+>", " ", page(run, language="en"))
    for part in ("576 of 600 selected workflows have been ended", "Failed: 10", "acme.bitrix24.ru", "0f0f0f"):
        assert part in re.sub(r"\s+", " ", text)
    assert "1 undecided by old: started is not known" in text


def test_a_plan_says_that_nothing_was_ended(tmp_path: Path) -> None:
    with journals.planned(tmp_path / "run.sqlite", 30) as journal:
        text = page(journal, language="en")
    assert "30 of 34 workflows are selected" in text
    assert "Nothing has been ended yet" in text
    assert "How the run went" not in text


def test_a_plan_over_its_caps_says_that_it_is_refused(tmp_path: Path) -> None:
    capped = journals.RULES.replace("version: 1", "version: 1\nlimits: {max_kill: 5}", 1)
    within = journals.RULES.replace("version: 1", "version: 1\nlimits: {max_percent: 100}", 1)
    for number, (rules, refused) in enumerate([(capped, True), (within, False)]):
        with journals.planned(tmp_path / f"{number}.sqlite", 30, rules_source=rules) as journal:
            text = page(journal, language="en")
        assert ("as it is, it is refused" in text) is refused
        assert ("Applying the plan ends exactly these entries" in text) is not refused


def test_an_empty_plan_has_a_page_too(tmp_path: Path) -> None:
    with journals.planned(tmp_path / "run.sqlite", 0) as journal:
        assert "None of 4 workflows" in page(journal, language="en")


def test_the_first_thousand_rows_need_no_script(tmp_path: Path) -> None:
    with journals.planned(tmp_path / "run.sqlite", 1200) as journal:
        text = page(journal, language="en")
    assert text.count("<tr><td>") == 1000
    assert len(payload(text)["rows"]) == 1200


def test_beyond_five_thousand_rows_it_names_the_command_for_all(tmp_path: Path) -> None:
    with journals.planned(tmp_path / "run.sqlite", 5200) as journal:
        text = page(journal, language="en")
    assert "The first 5,000 of 5,200 entries" in text
    assert "--format csv -o entries.csv</code>" in text
    assert len(payload(text)["rows"]) == 5000


@pytest.mark.parametrize("language", ["en", "ru"])
def test_five_thousand_rows_of_an_applied_run_stay_below_the_limit(tmp_path: Path, language: str) -> None:
    with journals.applied(tmp_path / "run.sqlite", 5000) as journal:
        assert len(page(journal, language=language).encode()) <= 1_500_000


def test_the_longest_names_stay_below_it_too(tmp_path: Path) -> None:
    instances = [
        Instance(id=f"{n:014x}.00000000", template_id=n, document_id="я" * 255, module="m", entity="e")
        for n in range(1, 5001)
    ]
    names = {number: f"{number} " + "Ж" * 250 for number in range(1, 5001)}
    with journals.planned(tmp_path / "run.sqlite", 5000, names, instances) as journal:
        text = page(journal, language="ru")
    assert len(text.encode()) <= 1_500_000
    assert "--format csv" in text


def test_a_journal_of_the_older_form_has_a_page_without_batches(run: Journal, tmp_path: Path) -> None:
    old = journals.older(run, tmp_path / "old.sqlite")
    with Journal.open(old, readonly=True) as journal:
        text = page(journal, language="en")
    assert "How the run went" in text
    assert "Entries in a batch" not in text
