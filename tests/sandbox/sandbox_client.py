"""A plain HTTP client that knows nothing of ours, and the rows and commands that several of these tests are about."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from cleanup.sandbox import Row, Sandbox

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Caller:
    """Calls one sandbox and shows what came back, undigested."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def raw(self, method: str, body: object = None, *, query: str = "") -> tuple[int, bytes]:
        url = f"{self.sandbox.webhook}{method}{'?' + query if query else ''}"
        async with self.session.post(url, json={} if body is None else body, allow_redirects=False) as response:
            return response.status, await response.read()

    async def answer(self, method: str, body: object = None) -> Any:
        return json.loads((await self.raw(method, body))[1])

    async def result(self, method: str, body: object = None) -> Any:
        return (await self.answer(method, body))["result"]

    async def batch(self, commands: object, **outer: object) -> Any:
        return await self.result("batch", {"cmd": commands, **outer})

    async def kill(self, instance: str) -> tuple[int, Any]:
        status, body = await self.raw("bizproc.workflow.kill", {"ID": instance})
        return status, json.loads(body)

    async def ids(self, query: Mapping[str, object]) -> list[str]:
        """The IDs that a list names, in its order."""
        rows = await self.result("bizproc.workflow.instances", {"ORDER": {"ID": "ASC"}, **query})
        return [row["ID"] for row in rows]

    def first(self, count: int) -> list[str]:
        return [row.id for row in self.sandbox.world.alive[:count]]


Opener = Callable[..., Awaitable[Caller]]


def row(number: int, **fields: Any) -> Row:
    """A plain instance on a lead, the number-th of its second."""
    base = Row(
        id=f"66e412fd{number:05x}4.36306599",
        modified=1_726_223_101,
        owned_until=None,
        module="crm",
        entity="CCrmDocumentLead",
        document_id="LEAD_1",
        started=1_726_223_101,
        started_by=57,
        template_id=212,
    )
    return base._replace(**fields)


def kills(instances: list[str]) -> dict[str, str]:
    return {f"k{place}": f"bizproc.workflow.kill?ID={quote(name)}" for place, name in enumerate(instances)}
