"""The credentials file: what it may hold, where it may lead, and that no crash loses the tokens."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.errors import UsageError
from cleanup.portal.credentials import Credentials, CredentialsError, from_text, to_text
from cleanup.portal.credentials_file import CredentialsFile, HeldTooLongError
from tests.oauth import CLIENT_SECRET, credentials, write_credentials

REAL = credentials(
    "acme.bitrix24.ru",
    client_endpoint="https://acme.bitrix24.ru/rest/",
    server_endpoint="https://oauth.bitrix24.tech/rest/",
)


def test_they_come_back_as_they_were_written() -> None:
    read = from_text(json.dumps(REAL))
    assert from_text(to_text(read)) == read
    assert read.token_address == "https://oauth.bitrix24.tech/oauth/token/"  # noqa: S105 - an address
    assert not any(secret in repr(read) for secret in ("access0", "refresh0", CLIENT_SECRET))


@pytest.mark.parametrize("name", sorted(REAL.keys() - {"token_endpoint"}))
@pytest.mark.parametrize("value", [None, "", 5, ["x"], "two\nlines", "x" * 3000])
def test_what_is_missing_or_no_text_is_named(name: str, value: Any) -> None:
    changed = {key: content for key, content in (REAL | {name: value}).items() if content is not None}
    with pytest.raises(CredentialsError, match=name):
        from_text(json.dumps(changed))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"client_endpoint": "http://acme.bitrix24.ru/rest/"}, "not https"),
        ({"server_endpoint": "http://oauth.bitrix24.tech/rest/"}, "not https"),
        ({"token_endpoint": "http://oauth.example/oauth/token/"}, "not https"),
        ({"token_endpoint": "https://user:word@oauth.example/oauth/token/"}, "https://host/path/"),
        ({"client_endpoint": "https://acme.bitrix24.ru/rest/?auth=1"}, "https://host/path/"),
        ({"client_endpoint": "https://[/rest/"}, "no address"),
        ({"portal": "127.0.0.1:8090"}, "away from this machine"),
    ],
)
def test_secrets_are_led_nowhere_in_the_clear_and_no_rehearsal_out_of_this_machine(
    changed: dict[str, str], words: str
) -> None:
    with pytest.raises(CredentialsError, match=words):
        from_text(json.dumps(REAL | changed))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_json_gives_credentials_or_our_error(value: Any) -> None:
    for document in (value, REAL | {"client_endpoint": value}, REAL | {"portal": value}):
        with suppress(CredentialsError):
            from_text(json.dumps(document))


@given(
    st.dictionaries(
        st.sampled_from(sorted(REAL)), st.none() | st.text(max_size=9) | st.integers() | st.lists(st.text())
    )
)
def test_any_answer_gives_the_same_portals_credentials_or_our_error(answer: dict[str, Any]) -> None:
    known = from_text(json.dumps(REAL))
    with suppress(CredentialsError):
        renewed = known.renewed(answer)
        assert (renewed.portal, renewed.member_id) == (known.portal, known.member_id)


@pytest.mark.parametrize("member", ["", None, "0" * 32])
def test_tokens_of_another_portal_or_of_none_are_refused(member: str | None) -> None:
    answer = {"access_token": "access1", "refresh_token": "refresh1", "member_id": member}
    with pytest.raises(CredentialsError, match="another portal") as caught:
        from_text(json.dumps(REAL)).renewed(answer)
    assert "access1" not in str(caught.value)


def test_an_answer_renews_endpoints_but_not_what_the_administrator_chose() -> None:
    known = replace(from_text(json.dumps(REAL)), token_endpoint="https://proxy.example/token/")  # noqa: S106
    given_back = {"access_token": "a", "refresh_token": "r", "member_id": known.member_id, "domain": "oauth.example"}
    moved = {"client_endpoint": "https://new.bitrix24.ru/rest/", "server_endpoint": "https://oauth.bitrix.info/rest/"}
    renewed = known.renewed(given_back | moved)
    assert (renewed.client_endpoint, renewed.server_endpoint) == (moved["client_endpoint"], moved["server_endpoint"])
    assert renewed.token_address == "https://proxy.example/token/"  # noqa: S105 - an address
    assert renewed.portal == known.portal, "domain is not the portal"


# The file


def newer(known: Credentials) -> Credentials:
    return replace(known, access_token="access9", refresh_token="refresh9")  # noqa: S106 - of nobody


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return CredentialsFile.named(write_credentials(tmp_path / "b24.json", "127.0.0.1:9"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_refused(file: CredentialsFile, mode: int) -> None:
    file.path.chmod(mode)
    with pytest.raises(UsageError, match="by others"):
        file.load()


def test_a_file_that_is_no_use_says_how_to_make_one(file: CredentialsFile) -> None:
    file.path.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="b24-cleanup login"):
        file.load()


def test_a_link_leads_to_the_file_that_is_replaced(file: CredentialsFile, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere"
    link.symlink_to(file.path)
    CredentialsFile.named(link).store(newer(file.load()))
    assert link.is_symlink()
    assert file.load().access_token == "access9"  # noqa: S105 - of nobody


def test_the_file_is_replaced_as_a_whole_and_private(file: CredentialsFile) -> None:
    file.prepare()
    file.store(newer(file.load()))
    assert file.load().refresh_token == "refresh9"  # noqa: S105 - of nobody
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["b24.json"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_crash_while_the_new_ones_are_written_leaves_the_old_ones(file: CredentialsFile, share: float) -> None:
    file.prepare()
    text = to_text(newer(file.load())).encode()
    new = file.path.with_name("b24.json.new")
    with new.open("r+b") as half:
        half.write(text[: int(share * len(text))])
    file.recover()
    assert file.load().access_token == "access0"  # noqa: S105 - of nobody


def test_a_crash_before_the_new_ones_are_put_in_place_is_made_good(file: CredentialsFile) -> None:
    new = file.path.with_name("b24.json.new")
    new.write_text(to_text(newer(file.load())), encoding="utf-8")
    new.chmod(0o600)
    file.recover()
    assert file.load().access_token == "access9"  # noqa: S105 - of nobody
    assert not new.exists()


async def test_one_process_holds_it_at_a_time(file: CredentialsFile) -> None:
    async with file.held(1.0):
        with pytest.raises(HeldTooLongError):
            async with file.held(0.1):
                pass
    async with file.held(0.1):
        pass
