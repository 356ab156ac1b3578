"""A portal that answers each method as a test says, however strange; everything else as an empty portal would."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

SECRET = "t0psecretkey0f0this"  # noqa: S105 - of no portal
#: Takes the parameters of a call as PHP's parse_str leaves them, flat, and gives a result or a StrangeError.
Method = Callable[[Mapping[str, list[str]]], Any]


class StrangeError(Exception):
    """An error of one call, as (code, text)."""


@dataclass
class Strange:
    """`methods` replaces what is below; `whole` answers a request before it is even read."""

    methods: dict[str, Method] = field(default_factory=dict)
    whole: Callable[[web.Request], web.Response | None] = lambda _: None
    #: Every call that was made: method and parameters.
    calls: list[tuple[str, Mapping[str, list[str]]]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    url: str = ""

    @property
    def webhook(self) -> str:
        return f"{self.url}rest/1/{SECRET}/"

    def made(self, method: str) -> list[Mapping[str, list[str]]]:
        return [parameters for name, parameters in self.calls if name == method]

    async def answer(self, request: web.Request) -> web.Response:
        whole = self.whole(request)
        if whole is not None:
            return await whole if isawaitable(whole) else whole
        body = await request.json()
        maps: dict[str, dict[str, Any]] = {name: {} for name in ("result", "result_error", "result_total")}
        for key, command in body["cmd"].items():
            method, _, query = command.partition("?")
            self._call(key, method, parse_qs(query, keep_blank_values=True), maps)
        shown = {name: found or [] for name, found in maps.items()}
        return web.json_response({"result": shown | {"result_next": [], "result_time": []}, "time": {}})

    def _call(self, key: str, method: str, parameters: Mapping[str, list[str]], maps: Mapping[str, Any]) -> None:
        self.calls.append((method, parameters))
        try:
            maps["result"][key] = (self.methods.get(method) or _EMPTY[method])(parameters)
            maps["result_total"][key] = self.totals.get(method, 0)
        except StrangeError as error:
            code, text = error.args
            maps["result_error"][key] = {"error": code, "error_description": text}
        except KeyError:
            pass  # the key is in no map: a command that the portal skipped


_EMPTY: dict[str, Method] = {
    "profile": lambda _: {"ID": "1", "ADMIN": True},
    "app.info": lambda _: {"LICENSE": "ru_selfhosted"},
    "scope": lambda _: ["bizproc"],
    "method.get": lambda _: {"isExisting": True, "isAvailable": True},
    "server.time": lambda _: "",
    "bizproc.workflow.template.list": lambda _: [],
    "bizproc.workflow.instances": lambda _: [],
    "bizproc.workflow.kill": lambda _: True,
}


def rows(*ids: str, **fields: str) -> Method:
    """An instances method that lists these IDs in order, by keyset and by ID, as the documents say."""
    given = {"TEMPLATE_ID": "5", "MODULE_ID": "crm", "ENTITY": "CCrmDocumentLead", "DOCUMENT_ID": "LEAD_1"} | fields
    dates = {"STARTED": "2020-01-01T00:00:00+03:00", "MODIFIED": "2020-01-01T00:00:00+03:00"}

    def listed(parameters: Mapping[str, list[str]]) -> Any:
        after, wanted = parameters.get("FILTER[>ID]", [""])[0], parameters.get("FILTER[ID][]")
        chosen = [one for one in ids if one > after and (wanted is None or one in wanted)]
        return [{"ID": one, "OWNED_UNTIL": None, "STARTED_BY": "1"} | given | dates for one in chosen[:50]]

    return listed


@asynccontextmanager
async def strange(**parts: Any) -> AsyncIterator[Strange]:
    portal = Strange(**parts)
    application = web.Application()
    application.router.add_route("*", "/{anything:.*}", portal.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    portal.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield portal
    finally:
        await runner.cleanup()
