"""CSV, JSON and JSON Lines: exact for programs, harmless for spreadsheets, in constant memory."""

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.journal import Journal
from cleanup.model import Instance
from cleanup.reports import tables
from tests.reports import journals

README = Path(__file__).parents[2] / "README.md"
HOSTILE = (
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "x;=1+1",
    'x";"=1+1',
    "x\n=1+1",
    'comma, "quote" and\nline',
    'quotes ""',
    '"all of it"',
    "a, b",
    "return\rhere",
    "'already",
    "1e5",
    "12.11.2026",
    "1:23",
)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Journal]:
    """Every hostile text as a document id, and one as a template's name."""
    instances = [Instance(id=f"{n:022d}.1", template_id=1, document_id=text) for n, text in enumerate(HOSTILE)]
    with journals.planned(tmp_path / "run.sqlite", len(HOSTILE), {1: "=HYPERLINK()"}, instances) as journal:
        yield journal


def written(journal: Journal) -> str:
    file = io.StringIO()
    tables.write_csv(journal, file)
    return file.getvalue()


def test_json_and_json_lines_are_exact(hostile: Journal) -> None:
    whole, lines = io.StringIO(), io.StringIO()
    tables.write_json(hostile, whole)
    tables.write_jsonl(hostile, lines)
    rows = json.loads(whole.getvalue())
    assert [row["document_id"] for row in rows] == list(HOSTILE)
    assert rows == [json.loads(line) for line in lines.getvalue().splitlines()] == list(tables.rows(hostile))
    assert {row["template"] for row in rows} == {"=HYPERLINK()"}


def test_a_spreadsheet_sees_texts_only(hostile: Journal) -> None:
    rows = list(csv.DictReader(io.StringIO(written(hostile), newline="")))
    for row in rows:
        assert row["id"].startswith("'")
        assert row["template"] == "'=HYPERLINK()"
        assert row["document_id"][0] in "'xcqra\"", row["document_id"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_at_whatever_separator_a_spreadsheet_splits(hostile: Journal, separator: str) -> None:
    for row in csv.reader(io.StringIO(written(hostile), newline=""), delimiter=separator):
        for cell in row:
            assert not re.match(r"[\s\"]*[=+\-@＝＋－＠]", cell), cell


@given(st.text(alphabet="=+-@;|,\"' \t\n\r1a", max_size=12))
def test_whatever_the_text_is_it_is_no_formula(text: str) -> None:
    made = tables.safe(text)
    for part in re.split(r"[;\t\n\r|]", made):
        assert not re.match(r"[\s\"']*[=+\-@]", part) or part.lstrip(' "').startswith("'"), (text, made)


def test_the_csv_is_what_rfc_4180_says(hostile: Journal) -> None:
    text = written(hostile)
    assert text.startswith(",".join(tables.COLUMNS) + "\r\n")
    assert text.endswith("\r\n")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(HOSTILE) + 1
    again = io.StringIO()
    csv.writer(again, lineterminator="\r\n").writerows(rows)
    assert again.getvalue() == text


def test_one_apostrophe_taken_away_gives_the_text_back() -> None:
    for text in ("'already", "=1+1", "12.5"):
        assert tables.safe(text) == "'" + text
    for text in ("LEAD_12", "5fc00001abcde1.00000001", "Согласование", ""):
        assert tables.safe(text) == text


def test_the_columns_are_documented_in_their_order() -> None:
    shown = re.search(r"One row an entry: (.*?)\.", README.read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    assert tuple(re.findall(r"`(\w+)`", shown[1])) == tables.COLUMNS


def test_the_status_words_are_those_of_the_run_s_document(tmp_path: Path) -> None:
    with journals.applied(tmp_path / "run.sqlite", 200) as journal:
        found = {row["status"] for row in tables.rows(journal)}
    assert found == {"killed", "terminated", "already_gone", "failed"}


class Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize("write", [tables.write_csv, tables.write_json, tables.write_jsonl])
def test_four_times_the_rows_need_the_same_memory(tmp_path: Path, write: object) -> None:
    peaks = []
    for count in (2000, 8000):  # the fewer ones fill what is cached of alike cells
        with journals.planned(tmp_path / f"{count}.sqlite", count) as journal:
            tracemalloc.start()
            write(journal, Nowhere())  # type: ignore[operator] # one of the three
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 1_000_000, "6,000 rows that are held need several times as much"
