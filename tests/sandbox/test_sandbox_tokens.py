"""An application's tokens: PORTAL.md 10 and 14, item 13."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox_client import Caller, Opener

from cleanup.sandbox import Fault

APPLICATION = {"client_id": "local.sandbox", "client_secret": "sandbox0application0key"}


async def call(caller: Caller, token: str, *, header: bool = False) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if header else {}
    body = {} if header else {"auth": token}
    url = f"{caller.sandbox.url}rest/profile"
    async with caller.session.post(url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def renew(caller: Caller, refresh: str, **changed: str) -> tuple[int, dict[str, Any]]:
    asked = {"grant_type": "refresh_token", "refresh_token": refresh, **APPLICATION, **changed}
    async with caller.session.get(f"{caller.sandbox.url}oauth/token/", params=asked) as response:
        return response.status, await response.json()


@pytest.mark.parametrize("header", [True, False])
async def test_a_token_goes_into_the_header_or_the_parameters(portal: Opener, header: bool) -> None:
    caller = await portal()
    status, answer = await call(caller, "access0", header=header)
    assert (status, answer["result"]["ADMIN"]) == (200, True)


@pytest.mark.parametrize(("token", "error"), [("", "NO_AUTH_FOUND"), ("nonsense", "invalid_token")])
async def test_a_wrong_token_is_refused(portal: Opener, token: str, error: str) -> None:
    status, answer = await call(await portal(), token)
    assert (status, answer["error"]) == (401, error)


async def test_an_expired_token_is_renewed_and_the_refresh_token_rotates(portal: Opener) -> None:
    caller = await portal()
    caller.sandbox.faults.token = False
    status, answer = await call(caller, "access0")
    assert (status, answer["error"]) == (401, "expired_token")
    status, tokens = await renew(caller, "refresh0")
    assert (status, tokens["refresh_token"], tokens["expires_in"]) == (200, "refresh1", 3600)
    assert tokens["client_endpoint"] == f"{caller.sandbox.url}rest/"
    assert tokens["domain"] not in caller.sandbox.url, "it is the OAuth server's"
    assert (await call(caller, tokens["access_token"]))[0] == 200
    assert (await call(caller, "access0"))[0] == 401
    assert (await renew(caller, "refresh0")) == (400, {"error": "invalid_grant", "error_description": "Invalid grant"})


@pytest.mark.parametrize(
    ("changed", "error"), [({"client_secret": "x"}, "invalid_client"), ({"grant_type": "x"}, "invalid_request")]
)
async def test_a_wrong_refresh_is_refused(portal: Opener, changed: dict[str, str], error: str) -> None:
    status, answer = await renew(await portal(), "refresh0", **changed)
    assert (status, answer["error"]) == (400, error)


async def test_an_access_token_lives_for_an_hour(portal: Opener) -> None:
    caller = await portal()
    assert (await call(caller, "access0"))[0] == 200
    caller.sandbox.faults.clock_skew = 3601.0
    assert (await call(caller, "access0"))[1]["error"] == "expired_token"


# Logins and what else a token server says


async def authorize(caller: Caller, **asked: str) -> tuple[int, str, str]:
    """Status, the address that is gone on to, and the page."""
    address = f"{caller.sandbox.url}oauth/authorize/"
    parameters = {"client_id": "local.sandbox", **asked}
    async with caller.session.get(address, params=parameters, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", ""), (await response.text()).strip()


async def exchange(caller: Caller, code: str) -> tuple[int, dict[str, Any]]:
    asked = {"grant_type": "authorization_code", "code": code, **APPLICATION}
    async with caller.session.post(f"{caller.sandbox.url}oauth/token/", data=asked) as response:
        return response.status, await response.json()


async def test_a_login_comes_back_to_the_applications_own_address_with_code_and_state(portal: Opener) -> None:
    caller = await portal(handler="http://app.example/login?x=1")
    status, location, _ = await authorize(caller, state="a&b")
    parts = urlsplit(location)
    came = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert (status, parts.netloc, came["x"], came["state"]) == (302, "app.example", "1", "a&b")
    assert caller.sandbox.url.split("/")[2] == came["domain"], "here it is the portal"
    status, tokens = await exchange(caller, came["code"])
    assert (status, tokens["member_id"]) == (200, came["member_id"])
    assert (await call(caller, tokens["access_token"]))[0] == 200


async def test_a_code_can_be_exchanged_once_and_for_half_a_minute(portal: Opener) -> None:
    caller = await portal()
    _, _, code = await authorize(caller)
    assert (await exchange(caller, code))[0] == 200
    assert (await exchange(caller, code))[1]["error"] == "invalid_grant"
    _, _, code = await authorize(caller)
    caller.sandbox.faults.clock_skew = 31.0
    assert (await exchange(caller, code))[1]["error"] == "invalid_grant"


async def test_an_unknown_application_is_told_on_the_page(portal: Opener) -> None:
    status, location, page = await authorize(await portal(), client_id="local.other")
    assert (status, location, page) == (200, "", "Application not found")


@pytest.mark.parametrize(
    ("standing", "status", "error"),
    [
        ("not_installed", 401, "NOT_INSTALLED"),
        ("wrong_client", 200, "wrong_client"),
        ("payment_required", 401, "PAYMENT_REQUIRED"),
        ("revoked", 400, "invalid_grant"),
    ],
)
async def test_an_application_that_does_not_stand_well_gets_no_tokens(
    portal: Opener, standing: str, status: int, error: str
) -> None:
    caller = await portal()
    caller.sandbox.faults.change({"application": standing})
    told, answer = await renew(caller, "refresh0")
    assert (told, answer["error"]) == (status, error)
    assert (await call(caller, "access0"))[0] == 200, "the portal notices later"


async def test_an_access_token_may_be_over_after_a_number_of_requests(portal: Opener) -> None:
    caller = await portal(token_requests=2)
    statuses = [(await call(caller, "access0"))[0] for _ in range(4)]
    assert statuses == [200, 200, 401, 401]
    assert caller.sandbox.tokens.expired == {0}, "one expiry, however often it is told"
    await renew(caller, "refresh0")
    assert (await call(caller, "access1"))[0] == 200
    assert (caller.sandbox.tokens.renewals, caller.sandbox.tokens.used) == (1, {0: 2, 1: 1})


async def test_a_lost_answer_uses_the_refresh_token_up_unless_the_server_is_kind(portal: Opener) -> None:
    caller = await portal()
    for kind in (False, True):
        caller.sandbox.faults.change({"next_tokens": {Fault.HTML: 1}, "old_refresh": kind})
        last = caller.sandbox.tokens.refresh
        async with caller.session.get(
            f"{caller.sandbox.url}oauth/token/",
            params={"grant_type": "refresh_token", "refresh_token": last, **APPLICATION},
        ) as response:
            assert response.content_type == "text/html"
        assert (await renew(caller, last))[0] == (200 if kind else 400)
