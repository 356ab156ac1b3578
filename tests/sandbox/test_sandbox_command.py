"""The sandbox as a command."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from cleanup.sandbox import Billing, Settings
from cleanup.sandbox.__main__ import main
from cleanup.sandbox.options import add_arguments, settings_from

ROOT = Path(__file__).parents[2]


def read(*argv: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_from(parser.parse_args(argv))


def test_without_arguments_the_settings_are_the_defaults() -> None:
    assert read() == Settings()


def test_arguments_become_settings() -> None:
    argv = "--instances 9 --kill-seconds 0.5 --billing both --poison 0.1 --crash a.1,b.2 --scopes crm,bizproc"
    faults = "--fault drop_after=0.05 --fault html=0.1 --not-administrator --now 2026-03-01T09:00:00+03:00"
    settings = read(*argv.split(), *faults.split())
    assert (settings.instances, settings.kill_seconds, settings.billing) == (9, 0.5, Billing.BOTH)
    assert (settings.poison, settings.crash, settings.scopes) == (0.1, ("a.1", "b.2"), ("crm", "bizproc"))
    assert (settings.faults, settings.administrator) == ({"drop_after": 0.05, "html": 0.1}, False)
    assert settings.now is not None
    assert settings.now.isoformat() == "2026-03-01T09:00:00+03:00"


def test_the_worst_day_can_be_ordered_from_the_command_line() -> None:
    argv = "--generation G1 --billing both --fault cut=0.05 --fault query_limit=0.1 --fault-seed 3 --neighbour 2"
    life = "--life ends=0.2 --zombies 0.1 --families 9 --parent-ends 1 --vanishing 2 --clock-skew -120 --slow-seconds 3"
    later = "--later kills=100:administrator=false --later requests=20:redirect=localhost"
    settings = read(*argv.split(), *life.split(), *later.split())
    assert (settings.generation, settings.billing, settings.fault_seed) == ("G1", "both", 3)
    assert (settings.faults, settings.life) == ({"cut": 0.05, "query_limit": 0.1}, {"ends": 0.2})
    assert (settings.zombies, settings.families, settings.parent_ends, settings.vanishing) == (0.1, 9, 1.0, 2)
    assert (settings.clock_skew, settings.slow_seconds, settings.neighbour) == (-120.0, 3.0, 2.0)
    assert settings.later == (
        {"kills": 100, "change": {"administrator": False}},
        {"requests": 20, "change": {"redirect": "localhost"}},
    )


@pytest.mark.parametrize(
    "argv",
    [
        "--fault nonsense=1",
        "--billing free",
        "--now 2026-03-01",
        "--generation G9",
        "--life flies=1",
        "--later soon:webhook=false",
        "--later kills=1:nonsense=1",
        "--later kills=1:webhook=off",
    ],
)
def test_senseless_arguments_are_a_usage_error(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv.split()) == 2
    assert "error:" in capsys.readouterr().err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--generation G1|G2|G3" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_announces_its_webhook_serves_and_stops_cleanly(number: signal.Signals) -> None:
    argv = ("-m", "cleanup.sandbox", "--instances", "5", "--seed", "7")
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        webhook = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as session, session.get(f"{webhook}profile") as response:
            assert response.status == 200
        process.send_signal(number)
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert f"export B24_WEBHOOK_URL='{webhook}'\nb24-cleanup check" in rest
