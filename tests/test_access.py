"""Which way in is taken when several are given, and that it is said."""

from pathlib import Path

import pytest

from cleanup.errors import UsageError
from cleanup.portal import access
from cleanup.portal.given import Given
from cleanup.redaction import HIDDEN, Redactor
from tests.harness import shop
from tests.oauth import write_credentials

WEBHOOK = "https://{}.bitrix24.ru/rest/1/s3cr3t0of0{}/"
#: In the order in which they count.
VARIABLES = ["B24_OAUTH_FILE", "B24_WEBHOOK_FROM", "B24_WEBHOOK_FILE", "B24_WEBHOOK_URL"]


@pytest.fixture
def everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each variable leads to another portal."""
    write_credentials(tmp_path / "b24.json", "127.0.0.1:9")
    for name in ("file", "other"):
        (tmp_path / name).write_text(WEBHOOK.format(name, name), encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("B24_OAUTH_FILE", str(tmp_path / "b24.json"))
    monkeypatch.setenv("B24_WEBHOOK_FROM", "env:PLACE")
    monkeypatch.setenv("PLACE", WEBHOOK.format("from", "from"))
    monkeypatch.setenv("B24_WEBHOOK_FILE", str(tmp_path / "file"))
    monkeypatch.setenv("B24_WEBHOOK_URL", WEBHOOK.format("url", "url"))
    return tmp_path


@pytest.mark.parametrize(
    ("unset", "portal"),
    [(0, "127.0.0.1:9"), (1, "from.bitrix24.ru"), (2, "file.bitrix24.ru"), (3, "url.bitrix24.ru")],
)
@pytest.mark.usefixtures("everywhere")
def test_the_first_variable_that_is_set_counts_and_the_others_are_named(
    monkeypatch: pytest.MonkeyPatch, unset: int, portal: str
) -> None:
    for name in VARIABLES[:unset]:
        monkeypatch.delenv(name)
    found = access.find(Given(), Redactor())
    assert found.authorization.portal == portal
    assert found.passed_over == tuple(VARIABLES[unset + 1 :])


def test_an_option_comes_before_every_variable(everywhere: Path) -> None:
    found = access.find(Given(webhook_file=everywhere / "other"), Redactor())
    assert found.authorization.portal == "other.bitrix24.ru"
    assert found.passed_over == (), "whoever names one has chosen"


def test_two_options_are_refused(everywhere: Path) -> None:
    with pytest.raises(UsageError, match="--oauth-file and --webhook-file"):
        access.find(Given(webhook_file=everywhere / "other", oauth_file=everywhere / "b24.json"), Redactor())


@pytest.mark.usefixtures("everywhere")
def test_what_is_found_is_hidden_from_then_on() -> None:
    redactor = Redactor()
    access.find(Given(), redactor)
    assert redactor("access0 refresh0 sandbox0application0key") == f"{HIDDEN} {HIDDEN} {HIDDEN}"
    access.find(Given(webhook_from="env:PLACE"), redactor)
    assert "s3cr3t0of0from" not in redactor(WEBHOOK.format("from", "from"))


def test_every_verb_says_which_one_it_used_and_which_it_did_not(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "3", "--licence", "ru_selfhosted") as here:
        (tmp_path / "webhook").write_text(here.webhook, encoding="utf-8")
        (tmp_path / "webhook").chmod(0o600)
        several = here.call("templates", B24_WEBHOOK_FILE="webhook", B24_WEBHOOK_URL="https://other.example/rest/1/x/")
        one = here.call("templates")
    assert (several.returncode, one.returncode) == (0, 0)
    assert "webhook by the file webhook is used" in several.stderr
    assert "B24_WEBHOOK_URL" in several.stderr
    assert one.stderr == ""
