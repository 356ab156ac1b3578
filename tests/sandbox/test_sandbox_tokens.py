"""An application's tokens: PORTAL.md 10 and 14, item 13."""

from typing import Any

import pytest
from sandbox_client import Caller, Opener

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
