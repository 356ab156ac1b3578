"""Counts the requests of a plan and of its apply, by what its one rule asks for, on a sandbox of some instances."""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from random import Random

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from cleanup.sandbox import Sandbox, Settings
from tests.harness import Bench

RULES = """\
version: 1
limits: {{max_kill: off, max_percent: off, max_failed_percent: off}}
rules:
  - {{id: it, match: {match}, action: kill}}
"""
#: The first asks for nothing, and selects as little.
MATCHES = (
    "{started_by: 100000}",
    "{started_by: {dismissed: true}}",
    "{assigned_to: {all_dismissed: true}}",
    "{document_exists: false}",
    "{document_type: lead, started: {older_than: 365d}, document_exists: false}",
    "{newest_of: {by: document, keep: 1}}",
)


async def cost(match: str, instances: int) -> tuple[int, int, int]:
    """Requests of the plan, entries, requests of the apply."""
    settings = Settings(
        instances=instances, seed=1, scopes=("bizproc", "user_brief", "crm", "task"), licence="ru_selfhosted",
        kill_seconds=0.0,
    )  # fmt: skip
    async with Sandbox(settings) as sandbox:
        with tempfile.TemporaryDirectory() as folder:
            crowd(sandbox)
            here = Bench(sandbox, Path(folder))
            planned = await here.plan(RULES.format(match=match))
            asked = sandbox.ledger.requests
            await here.apply()
            kills = -(-int(planned.document["totals"]["selected"]) // 50)
            return asked, planned.document["totals"]["selected"], sandbox.ledger.requests - asked - kills


def crowd(sandbox: Sandbox) -> None:
    """One in five instances works on the document of another one, by the same template."""
    random = Random(1)  # noqa: S311 - a seed, not a secret
    rows = [row for row in sandbox.world.population if row.module]
    for row in rows:
        if random.random() < 0.2:
            other = random.choice(rows)
            sandbox.world.put(
                row._replace(**dict(zip(row._fields[3:6], other[3:6], strict=True)), template_id=other[8])
            )


async def main(instances: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(
        f"{instances:,} instances\n\n| match | requests of the plan | selected | requests of apply beside the kills |"
    )
    print("|---|---|---|---|")
    for match in MATCHES:
        asked, selected, applied = await cost(match, instances)
        print(f"| `{match[1:-1]}` | {asked:,} | {selected:,} | {applied:,} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
