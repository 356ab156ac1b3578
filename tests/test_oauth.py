"""An application's access: what it sends, what it survives, and what each refusal says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cleanup import commands
from cleanup.config.settings import Pace
from cleanup.errors import AccessError, CleanupError, ExitCode, SafetyStop, StoppedEarly
from cleanup.portal.application import Application
from cleanup.portal.client import Reader
from cleanup.portal.connect import connect
from cleanup.portal.transport import Transport
from cleanup.redaction import Redactor
from cleanup.sandbox import Fault
from cleanup.sandbox.errors import RestError
from cleanup.sandbox.readers import Standing
from tests.conftest import Open
from tests.harness import EVERYTHING
from tests.oauth import CLIENT_SECRET, TOKENS, OAuthBench, credentials, write_credentials
from tests.strange_portal import strange


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "patience", (1, 1.0))


async def fails(here: OAuthBench, kind: type[CleanupError]) -> str:
    with pytest.raises(kind) as caught:
        await here.plan(EVERYTHING)
    assert not TOKENS.search(str(caught.value))
    assert here.sandbox.ledger.kills_effective == 0
    return str(caught.value)


# What is sent


async def test_the_token_is_in_the_header_and_nowhere_else(tmp_path: Path) -> None:
    seen: list[tuple[str, str, str]] = []

    async def look(request: web.Request) -> web.Response:
        seen.append((str(request.url), await request.text(), request.headers["Authorization"]))
        return web.json_response({"result": {}})

    async with strange() as portal:
        portal.whole = look  # type: ignore[assignment] # it is awaited
        file = write_credentials(tmp_path / "b24.json", portal.url.split("/")[2])
        # A session that asks ~/.netrc, as one to a portal elsewhere does.
        (tmp_path / "netrc").write_text("default login somebody password else", encoding="utf-8")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("NETRC", str(tmp_path / "netrc"))
            async with aiohttp.ClientSession(trust_env=True) as session:
                await Transport(session, Application.opened(file, Redactor())).post("batch", {"cmd": {}})
    ((url, body, header),) = seen
    assert header == "Bearer access0"
    assert not TOKENS.search(url + body)


async def test_the_token_server_is_asked_in_the_body_not_in_the_address(tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, Any], bool]] = []

    async def look(request: web.Request) -> web.Response:
        if request.path != "/oauth/token/":
            return web.json_response({"error": "expired_token", "error_description": ""}, status=401)
        seen.append((str(request.url), dict(await request.post()), "Authorization" in request.headers))
        return web.json_response({"error": "invalid_grant"}, status=400)

    async with strange() as portal:
        portal.whole = look  # type: ignore[assignment] # it is awaited
        file = write_credentials(tmp_path / "b24.json", portal.url.split("/")[2])
        async with aiohttp.ClientSession() as session:
            with pytest.raises(AccessError, match="Log in again"):
                await Application.opened(file, Redactor()).renew(0, session)
    ((url, form, authorized),) = seen
    assert not TOKENS.search(url)
    assert not authorized
    assert (form["grant_type"], form["refresh_token"], form["client_secret"]) == (
        "refresh_token",
        "refresh0",
        CLIENT_SECRET,
    )


# Renewal


async def test_an_expired_token_is_renewed_stored_and_the_plan_goes_on(bench: Open) -> None:
    async with bench(instances=60) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token = False
        planned = await here.plan(EVERYTHING, include_locked=True)
        assert planned.document["totals"]["selected"] == 60
        assert here.stored()["refresh_token"] == "refresh1"  # noqa: S105 - of the sandbox
        assert here.sandbox.tokens.renewals == 1


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.BAD_GATEWAY, Fault.HTML, Fault.TRUNCATED, Fault.EMPTY_500])
async def test_a_token_server_that_breaks_is_asked_again(bench: Open, fault: Fault) -> None:
    """With an answer that is lost behind the work the old refresh token is all that there is, and may still do."""
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token, here.sandbox.faults.old_refresh = False, True
        here.sandbox.faults.next_tokens = {fault: 1}
        planned = await here.plan(EVERYTHING, include_locked=True)
        assert planned.document["totals"]["selected"] == 20
        assert here.stored()["refresh_token"] == here.sandbox.tokens.refresh


async def test_where_a_lost_answer_used_the_refresh_token_up_somebody_must_log_in(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token = False
        here.sandbox.faults.next_tokens = {Fault.DROP_AFTER: 1}
        assert "was used up" in await fails(here, AccessError)
        assert not here.file.with_name("b24.json.new").exists()


@pytest.mark.usefixtures("impatient")
async def test_a_token_server_that_stays_away_ends_the_verb_resumably(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token = False
        here.sandbox.faults.next_tokens = {Fault.BAD_GATEWAY: 9}
        assert "goes on later" in await fails(here, StoppedEarly)


async def test_tokens_that_are_called_expired_at_once_do_not_go_round_for_ever(tmp_path: Path) -> None:
    async def expired(request: web.Request) -> web.Response:
        if request.path != "/oauth/token/":
            return web.json_response({"error": "expired_token", "error_description": ""}, status=401)
        renewed.append(1)
        answer = credentials(request.host) | {"access_token": f"access{len(renewed)}", "refresh_token": "refresh9"}
        return web.json_response(answer)

    renewed: list[int] = []
    async with strange() as portal:
        portal.whole = expired  # type: ignore[assignment] # it is awaited
        write_credentials(tmp_path / "b24.json", portal.url.split("/")[2])
        application = Application.opened(tmp_path / "b24.json", Redactor())
        with pytest.raises(AccessError, match="somebody else logged in"):
            async with connect(application, Pace(), memory=None, clock=lambda: datetime.now(UTC)):
                pass
    assert len(renewed) == 3


async def test_a_later_connection_of_the_same_process_may_find_its_token_expired_too(bench: Open) -> None:
    """As the apply of a long night behind its plan."""
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        setting = here.setting
        for _ in range(6):
            here.sandbox.faults.token = False
            assert (await commands.inventory(setting)).portal == here.portal
        assert here.sandbox.tokens.renewals == 6


async def test_a_full_disk_is_found_before_the_refresh_token_is_spent(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token = False
        here.file.with_name("b24.json.new").mkdir()  # stands for any way in which it cannot be written
        assert "cannot be written" in await fails(here, AccessError)
        assert here.sandbox.tokens.renewals == 0


async def test_a_renamed_portal_is_followed_and_keeps_its_identity(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token = False
        here.sandbox.faults.endpoint = f"http://localhost:{here.portal.rpartition(':')[2]}/rest/"
        planned = await here.plan(EVERYTHING)
        assert planned.document["portal"] == here.portal
        assert here.stored()["client_endpoint"] == here.sandbox.faults.endpoint


# Another portal


async def test_tokens_of_another_portal_stop_everything_and_are_not_stored(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token, here.sandbox.faults.member = False, "f" * 32
        assert "another portal" in await fails(here, SafetyStop)
        assert here.stored()["access_token"] == "access0"  # noqa: S105 - of the sandbox


async def test_an_endpoint_that_leads_out_of_this_machine_stops_a_rehearsal(bench: Open) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token, here.sandbox.faults.endpoint = False, "https://acme.bitrix24.ru/rest/"
        assert "away from this machine" in await fails(here, SafetyStop)


@pytest.mark.parametrize("changed", [{"member_id": "f" * 32}, {"portal": "127.0.0.1:9"}])
async def test_a_file_that_became_another_portals_meanwhile_stops_the_purge(
    bench: Open, tmp_path: Path, changed: dict[str, str]
) -> None:
    async with bench(instances=200) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        await here.plan(EVERYTHING)
        here.sandbox.faults.change({"later": [{"kills": 50, "change": {"token": False}}]})
        setting = here.setting
        write_credentials(here.file, here.portal, **({"access_token": "access7"} | changed))
        with here.journal() as journal:
            result = await commands.apply(setting, journal, commands.Window())
        assert result.exit_code == ExitCode.SAFETY_STOP, result.message
        assert "is now of" in result.message
        assert 50 <= here.sandbox.ledger.kills_effective < 200
        assert here.sandbox.tokens.renewals == 0


# Refusals


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing.REVOKED, "access was revoked. Log in again: b24-cleanup login"),
        (Standing.NOT_INSTALLED, "not installed on the portal"),
        (Standing.WRONG_CLIENT, "client_id or client_secret is wrong"),
        (Standing.PAYMENT_REQUIRED, "paid time is over"),
    ],
)
async def test_what_the_token_server_refuses_says_what_to_do(bench: Open, standing: Standing, words: str) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.token, here.sandbox.faults.application = False, standing
        assert words in await fails(here, AccessError)
        assert sum(here.sandbox.tokens.refused.values()) == 1


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("user_access_error", 401, "user who logged in"),
        ("authorization_error", 401, "user who logged in"),
        ("invalid_token", 401, "application was removed"),
        ("APPLICATION_NOT_FOUND", 401, "application was removed"),
        ("insufficient_scope", 401, "application lacks a scope"),
        ("PAYMENT_REQUIRED", 401, "paid time is over"),
        ("ACCESS_DENIED", 403, "must be an administrator"),
        ("SOMETHING_NEW", 401, "Log in again"),
    ],
)
async def test_what_the_portal_refuses_is_told_in_an_applications_words(
    bench: Open, code: str, status: int, words: str
) -> None:
    async with bench(instances=20) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        here.sandbox.faults.refusal = RestError(code, "No access for refresh0", status)
        told = await fails(here, AccessError)
        assert words in told
        assert "webhook" not in told
        assert here.sandbox.tokens.renewals == 0


async def test_an_access_that_is_revoked_in_the_middle_of_a_purge_goes_on_after_a_login(bench: Open) -> None:
    async with bench(instances=300) as opened:
        here = OAuthBench(opened.sandbox, opened.folder)
        await here.plan(EVERYTHING, include_locked=True)
        here.sandbox.faults.change({"later": [{"kills": 100, "change": {"token": False, "application": "revoked"}}]})
        stopped = await here.apply()
        assert stopped.exit_code == ExitCode.ACCESS, stopped.message
        done = here.sandbox.ledger.kills_effective
        assert 100 <= done < 300
        assert stopped.document["totals"]["killed"] == done, "nothing is in doubt: what was refused was not executed"
        assert stopped.document["totals"]["pending"] == 300 - done
        here.sandbox.faults.change({"application": "installed"})
        assert (await here.apply()).exit_code == 0
        assert len(here.ended()) == 300
        assert json.loads(here.file.read_text(encoding="utf-8"))["refresh_token"] == here.sandbox.tokens.refresh
