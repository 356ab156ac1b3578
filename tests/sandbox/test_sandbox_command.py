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


@pytest.mark.parametrize("argv", ["--fault nonsense=1", "--billing free", "--now 2026-03-01", "--generation G9"])
def test_senseless_arguments_are_a_usage_error(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv.split())
    assert "error:" in capsys.readouterr().err


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
