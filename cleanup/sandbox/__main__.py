"""`python -m cleanup.sandbox`: a simulated portal until it is interrupted. Also the arguments, for the main command."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from cleanup.sandbox.faults import Fault
from cleanup.sandbox.server import Sandbox
from cleanup.sandbox.settings import Billing, Choice, Generation, Settings

_DESCRIPTION = "A simulated Bitrix24 portal on 127.0.0.1, until it is interrupted. Rehearse on it before the real one."


def main(argv: Sequence[str]) -> int:
    """Serve until a signal; the exit code."""
    parser = argparse.ArgumentParser(prog="b24-cleanup sandbox", description=_DESCRIPTION)
    add_arguments(parser)
    namespace = parser.parse_args(argv)
    try:
        run(settings_from(namespace), _announce)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return 0


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. `announce` gets the webhook's URL once the portal listens."""
    asyncio.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(settings)
    gc.freeze()  # the population stays for good: looking through it for garbage would double the time of an answer
    async with sandbox:
        announce(sandbox.webhook)
        await stop.wait()


def _announce(webhook: str) -> None:
    sys.stdout.write(f"{webhook}\n\nTry next:\nexport B24_WEBHOOK_URL='{webhook}'\nb24-cleanup check\n")
    sys.stdout.flush()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each setting; left out, the setting's own default holds."""
    for option in _OPTIONS:
        default = _default(option.name)
        shown = option.help if default is None else f"{option.help} (default: {default})"
        flag = f"--{option.name.replace('_', '-')}"
        parser.add_argument(flag, type=option.read, default=argparse.SUPPRESS, metavar=option.metavar, help=shown)
    for flag, name, shown in _SWITCHES:
        parser.add_argument(flag, dest=name, action="store_false", default=argparse.SUPPRESS, help=shown)
    faults = f"a fault's rate from 0 to 1, may be repeated: {', '.join(Fault)}"
    parser.add_argument("--fault", type=_fault, action="append", default=[], metavar="NAME=RATE", help=faults)


def settings_from(namespace: argparse.Namespace) -> Settings:
    """The settings that a parser with these arguments has read."""
    known = {field.name for field in fields(Settings)}
    chosen: dict[str, Any] = {name: value for name, value in vars(namespace).items() if name in known}
    return Settings(**chosen, faults=dict(namespace.fault))


def _default(name: str) -> object:
    default: object = next(field.default for field in fields(Settings) if field.name == name)
    return ",".join(default) if isinstance(default, tuple) else default


def _fault(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    return Fault(name).value, float(rate)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs its offset, as in 2026-03-01T12:00:00+03:00")
    return moment


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(scope for scope in text.split(",") if scope)


def _choice(text: str) -> Choice:
    """`3` rows, `0.01` of the rows, or `id,id,id`."""
    if text.isdecimal():
        return int(text)
    try:
        share = float(text)
    except ValueError:
        return _scopes(text)
    return share if share < 1 else (text,)


class _Option(NamedTuple):
    name: str
    read: Callable[[str], Any]
    metavar: str
    help: str


_OPTIONS = (
    _Option("seed", int, "N", "seed of the population"),
    _Option("instances", int, "N", "how many instances run at the start"),
    _Option("now", _moment, "ISO", "the portal's time at the start"),
    _Option("port", int, "N", "port on 127.0.0.1, 0 for any"),
    _Option("user", int, "ID", "the webhook's owner"),
    _Option("secret", str, "TEXT", "the webhook's secret"),
    _Option("generation", Generation, "G3", "generation of the portal's core"),
    _Option("language", str, "ru|en", "language of error texts"),
    _Option("utc_offset", float, "HOURS", "the server's zone"),
    _Option("user_offset", float, "HOURS", "the owner's zone, when it is another one"),
    _Option("licence", str, "NAME", "the plan, which also decides the bucket"),
    _Option("scopes", _scopes, "A,B", "the webhook's scopes"),
    _Option("kill_seconds", float, "S", "server time of one kill or terminate"),
    _Option("kill_sigma", float, "X", "spread of a lognormal distribution around it"),
    _Option("list_seconds", float, "S", "server time of one page of a list"),
    _Option("workers", int, "N", "requests that run at once"),
    _Option("latency", float, "S", "added to every request"),
    _Option("cut_seconds", float, "S", "when the front end gives up on a request"),
    _Option("bucket", int, "N", "size of the request bucket, 0 for none; else by licence"),
    _Option("per_second", float, "X", "outflow of the request bucket; else by licence"),
    _Option("billing", Billing, "|".join(Billing), "what the load limiter counts"),
    _Option("operating_limit", float, "S", "limit of the load limiter"),
    _Option("operating_window", float, "S", "window of the load limiter"),
    _Option("ban_seconds", float, "S", "ban after a batch went over the limit"),
    _Option("poison", _choice, "N|SHARE|IDS", "instances that refuse to end"),
    _Option("crash", _choice, "N|SHARE|IDS", "instances whose kill breaks the request"),
    _Option("fault_seed", int, "N", "seed of the faults"),
)

_SWITCHES = (
    ("--not-administrator", "administrator", "the webhook's owner may not end anything"),
    ("--no-bizproc", "bizproc", "the plan has no business processes"),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
