"""The options of the sandbox's command: one for each setting."""

import argparse
import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cleanup.sandbox.faults import Fault, Refusal, trouble
from cleanup.sandbox.generations import Generation
from cleanup.sandbox.readers import Event
from cleanup.sandbox.settings import Billing, Choice, Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One option for each setting; left out, the setting's own default holds."""
    for option in _OPTIONS:
        default = _default(option.name)
        shown = option.help if default is None else f"{option.help} (default: {default})"
        flag = f"--{option.name.replace('_', '-')}"
        parser.add_argument(flag, type=option.read, default=argparse.SUPPRESS, metavar=option.metavar, help=shown)
    parser.add_argument("--from", dest="source", type=Path, default=argparse.SUPPRESS, metavar="RUN", help=_FROM)
    parser.add_argument("--tls", nargs=2, type=Path, default=argparse.SUPPRESS, metavar=("CERT", "KEY"), help=_TLS)
    for flag, name, shown in _SWITCHES:
        parser.add_argument(flag, dest=name, action="store_false", default=argparse.SUPPRESS, help=shown)
    for flag, read, metavar, shown in _REPEATED:
        parser.add_argument(
            flag, type=_explained(read), action="append", default=[], metavar=metavar, help=f"{shown}; repeatable"
        )


def _explained(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """The same, with its own words for a value that makes no sense instead of argparse's."""

    def explain(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return explain


def settings_from(namespace: argparse.Namespace) -> Settings:
    """The settings that a parser with these arguments has read."""
    known = {field.name for field in fields(Settings)}
    chosen: dict[str, Any] = {name: value for name, value in vars(namespace).items() if name in known}
    repeated = {"faults": dict(namespace.fault), "life": dict(namespace.life), "later": tuple(namespace.later)}
    return Settings(**(chosen | repeated))


def _default(name: str) -> object:
    default: object = next(field.default for field in fields(Settings) if field.name == name)
    return ",".join(default) if isinstance(default, tuple) else default


def _fault(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    return trouble(name).value, float(rate)


def _event(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    return Event(name).value, float(rate)


def _later(text: str) -> dict[str, Any]:
    """`kills=100:administrator=false` or `requests=20:redirect=localhost`: the value is JSON, or else a text."""
    when, _, change = text.partition(":")
    counted, _, number = when.partition("=")
    name, _, value = change.partition("=")
    if counted not in {"kills", "requests"} or not name:
        raise ValueError("it is kills=N:SWITCH=VALUE or requests=N:SWITCH=VALUE")
    return {counted: int(number), "change": {name: _json(value)}}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


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


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


class _Option(NamedTuple):
    name: str
    read: Callable[[str], Any]
    metavar: str
    help: str


_FROM = "a plan made with --record all: its portal's instances, templates and time, in place of made-up ones"
_TLS = "https, with this certificate for 127.0.0.1 and its key, both PEM files (default: http)"
_OPTIONS = (
    _Option("seed", int, "N", "seed of the population"),
    _Option("instances", int, "N", "how many instances run at the start"),
    _Option("now", _moment, "ISO", "the portal's time at the start"),
    _Option("port", int, "N", "port on 127.0.0.1, 0 for any"),
    _Option("user", int, "ID", "the webhook's owner"),
    _Option("secret", str, "TEXT", "the webhook's secret"),
    _Option("generation", Generation, "|".join(Generation), "generation of the portal's core"),
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
    _Option("vanishing", _choice, "N|SHARE|IDS", "instances that end although an error is answered"),
    _Option("families", _number, "N|SHARE", "pairs of a parent and the child that it waits for"),
    _Option("parent_ends", float, "X", "chance that the parent ends with its child, instead of going on"),
    _Option("zombies", float, "X", "chance that what was ended comes back; G1 and G2 bring back the locked ones"),
    _Option("gone", float, "SHARE", "CRM elements and tasks that were deleted while instances worked on them"),
    _Option("fault_seed", int, "N", "seed of the faults"),
    _Option("slow_seconds", float, "S", "how long a slow body takes"),
    _Option("neighbour", float, "X", "requests a second of another client in the same bucket"),
    _Option("client_id", str, "TEXT", "the application's id, for /oauth/authorize/ and /oauth/token/"),
    _Option("client_secret", str, "TEXT", "the application's secret"),
    _Option(
        "handler", str, "URL", "the application's own address, to which a login comes back; else a page shows the code"
    ),
    _Option("token_lifetime", float, "S", "how long an access token works"),
    _Option("token_requests", int, "N", "for how many requests an access token works"),
    _Option("clock_skew", float, "S", "how far the portal's clock is ahead"),
)

_REPEATED: tuple[tuple[str, Callable[[str], Any], str, str], ...] = (
    ("--fault", _fault, "NAME=RATE", f"a trouble's rate from 0 to 1: {', '.join((*Fault, *Refusal))}"),
    ("--life", _event, "NAME=RATE", f"events of this kind before each request, on average: {', '.join(Event)}"),
    ("--later", _later, "WHEN:SWITCH=VALUE", "a switch that changes when kills=N were done or requests=N came"),
)

_SWITCHES = (
    ("--not-administrator", "administrator", "the webhook's owner may not end anything"),
    ("--no-bizproc", "bizproc", "the plan has no business processes"),
)
