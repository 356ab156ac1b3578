"""Both languages say everything, and say it in the page only through the catalogue."""

import re
import string
from datetime import timedelta
from pathlib import Path

import pytest

from cleanup.reports.html import words
from cleanup.reports.html.words import LANGUAGES, Words, language_of
from cleanup.rules import DOCUMENT_TYPES

FOLDER = Path(words.__file__).parent


def test_the_catalogues_have_the_same_keys_in_the_same_order() -> None:
    assert list(LANGUAGES["en"]) == list(LANGUAGES["ru"])


@pytest.mark.parametrize("key", LANGUAGES["en"])
def test_a_text_has_the_same_places_in_both(key: str) -> None:
    en, ru = (
        {name for _, name, _, _ in string.Formatter().parse(LANGUAGES[tongue][key]) if name} for tongue in ("en", "ru")
    )
    assert en == ru


def test_every_key_that_is_used_exists_and_every_key_is_used() -> None:
    sources = "\n".join(
        file.read_text(encoding="utf-8") for file in (*FOLDER.glob("templates/*"), *FOLDER.glob("*.py"))
    )
    sources = sources.split("_EN: Mapping")[0] + sources.split("_NO_BREAK = ")[-1]
    used = set(re.findall(r"say\(\"([a-z_.]+)\"[,)]", sources))
    assert used <= set(LANGUAGES["en"])
    built = ("state.", "decision.", "about.", "status.", "action.", "type.", "wait.", "column.", "unit.", "total.")
    for key in LANGUAGES["en"]:
        assert key in used or key.startswith(built) or re.search(rf"[\"(]{re.escape(key)}\"", sources), key


def test_every_document_type_has_a_name() -> None:
    for language in LANGUAGES:
        spoken = Words(language, timedelta())
        assert all(spoken.kind(name) for name in (*DOCUMENT_TYPES, "dynamic_128", ""))


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LC_ALL": "C", "LANG": "ru_RU.UTF-8"}, "en"),
        ({"LC_MESSAGES": "ru_RU", "LANG": "en_US"}, "ru"),
        ({"LANG": "de_DE"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_is_the_locale_s(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_numbers_and_times_as_each_language_writes_them() -> None:
    en, ru = Words("en", timedelta()), Words("ru", timedelta(hours=3))
    assert (en.count(1234567), ru.count(1234567)) == ("1,234,567", "1\u00a0234\u00a0567")
    assert (en.percent(1, 8), ru.percent(1, 8), en.percent(1, 100_000)) == ("12.5%", "12,5 %", "< 0.1%")
    assert (en.moment(0), ru.moment(0)) == ("1970-01-01 00:00", "1970-01-01 03:00")
    assert (en.zone_name(), ru.zone_name()) == ("UTC", "UTC+03:00")
    assert [en.age(hours) for hours in (0, 5, 24, 49, 8760)] == ["0", "5 h", "1 d", "2 d", "1 y"]
    assert [ru.age(8760 * years) for years in (1, 3, 5, 11)] == ["1 г.", "3 г.", "5 л.", "11 л."]
    assert [en.duration(seconds) for seconds in (0.5, 42, 97, 3720)] == [
        "0.5 s",
        "42 s",
        "1\u00a0min\u00a037\u00a0s",
        "1\u00a0h\u00a02\u00a0min",
    ]
    assert en.span(0, 60) == "1970-01-01 00:00:00 – 00:01:00"
