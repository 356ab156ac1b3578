"""What goes back over the socket: whole, spoiled by a fault, slowly, or not at all."""

import asyncio
from email.utils import formatdate
from typing import NamedTuple

from aiohttp import web

from cleanup.sandbox.errors import RestError
from cleanup.sandbox.faults import Fault
from cleanup.sandbox.php import write_json

#: Pieces of a slow body.
_DROPS = 8


class Answer(NamedTuple):
    """What goes back, and under which name the ledger counts it. A body of None: the connection is dropped."""

    outcome: str
    status: int
    body: bytes | None
    html: bool = False
    slow: bool = False
    location: str | None = None


def page(title: str) -> bytes:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()


PAGES = {
    Fault.BAD_GATEWAY: (502, page("502 Bad Gateway")),
    Fault.BAD_GATEWAY_AFTER: (502, page("502 Bad Gateway")),
    Fault.UNAVAILABLE: (503, page("503 Service Temporarily Unavailable")),
    Fault.TIMEOUT_AFTER: (504, page("504 Gateway Time-out")),
    Fault.CUT: (504, page("504 Gateway Time-out")),
    Fault.HTML: (200, page("Bitrix24")),
}


def refused(outcome: str, error: RestError) -> Answer:
    return Answer(outcome, error.status, write_json(error.answer()))


def spoiled(fault: Fault, answer: Answer | None) -> Answer:
    """What the fault makes of an answer. None: there is none, because nothing was executed."""
    if fault in PAGES:
        return Answer(fault, *PAGES[fault], html=True)
    if fault is Fault.EMPTY or fault is Fault.EMPTY_500:
        return Answer(fault, 500 if fault is Fault.EMPTY_500 else 200, b"", html=True)
    if answer is None or answer.body is None or fault is Fault.DROP_AFTER:
        return Answer(fault, 200, None)
    if fault is Fault.TRUNCATED:
        return Answer(fault, 200, answer.body[: len(answer.body) // 2])
    return answer._replace(outcome=fault, slow=fault is Fault.SLOW_BODY)


async def send(request: web.Request, answer: Answer, *, now: float, slow_seconds: float) -> web.StreamResponse:
    """`now` is the portal's time."""
    if answer.body is None and request.transport is not None:
        request.transport.abort()
    headers = {
        "Content-Type": "text/html; charset=utf-8" if answer.html else "application/json; charset=utf-8",
        "Date": formatdate(now, usegmt=True),
    }
    if answer.location is not None:
        headers["Location"] = answer.location
    body = answer.body or b""
    if answer.slow:
        return await _send_slowly(
            request, web.StreamResponse(status=answer.status, headers=headers), body, slow_seconds
        )
    return web.Response(status=answer.status, body=body, headers=headers)


async def _send_slowly(
    request: web.Request, response: web.StreamResponse, body: bytes, seconds: float
) -> web.StreamResponse:
    response.content_length = len(body)
    await response.prepare(request)
    size = max(1, -(-len(body) // _DROPS))
    for at in range(0, len(body), size):
        await asyncio.sleep(seconds / _DROPS)
        await response.write(body[at : at + size])
    return response
