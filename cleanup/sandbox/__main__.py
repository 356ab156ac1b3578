"""`python -m cleanup.sandbox`: a simulated portal until it is interrupted. Its options are in options.py."""

import argparse
import asyncio
import gc
import shlex
import signal
import sys
from collections.abc import Callable, Sequence

from cleanup.sandbox.copies import Copy
from cleanup.sandbox.options import add_arguments, settings_from
from cleanup.sandbox.server import Sandbox
from cleanup.sandbox.settings import Settings

_DESCRIPTION = "A simulated Bitrix24 portal on 127.0.0.1, until it is interrupted. Rehearse on it before the real one."


def main(argv: Sequence[str]) -> int:
    """Serve until a signal; the exit code. A wrong command line is told on stderr, and is 2."""
    try:
        _main(argv)
    except SystemExit as stopped:  # argparse has said why
        return stopped.code if isinstance(stopped.code, int) else 1
    return 0


def _main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="b24-cleanup sandbox", description=_DESCRIPTION)
    add_arguments(parser)
    namespace = parser.parse_args(argv)
    if {"source", "instances"} <= vars(namespace).keys():
        parser.error("--from has instances of its own; --instances makes up others")
    try:
        run(settings_from(namespace), _announce)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def run(settings: Settings, announce: Callable[[Sandbox], None]) -> None:
    """Serve until SIGINT or SIGTERM. `announce` gets the sandbox once it listens."""
    asyncio.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[Sandbox], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gc.disable()  # the population stays for good: looking through it for garbage would double the time of an answer,
    sandbox = Sandbox(settings)
    gc.freeze()  # and a good part of the time in which it is made
    gc.enable()
    async with sandbox:
        announce(sandbox)
        await stop.wait()


def _announce(sandbox: Sandbox) -> None:
    webhook, copy = sandbox.webhook, sandbox.copy
    told = _next(webhook) if copy is None else _rehearsal(webhook, copy, len(sandbox.world))
    sys.stdout.write("\n".join([webhook, "", *told, ""]))
    sys.stdout.flush()


def _next(webhook: str) -> list[str]:
    return ["Try next:", f"export B24_WEBHOOK_URL='{webhook}'", "b24-cleanup check"]


def _rehearsal(webhook: str, copy: Copy, instances: int) -> list[str]:
    """By the same rules and the same moment the plan selects the same instances."""
    rules, host = shlex.quote(copy.rules), webhook.split("/")[2]
    locked = " --include-locked" if copy.include_locked else ""
    return [
        f"A copy of {copy.copy_of} with its {instances:,} instances, as run {copy.run} recorded it.",
        "Rehearse in another terminal:",
        "unset B24_WEBHOOK_FILE B24_WEBHOOK_FROM B24_OAUTH_FILE",
        f"export B24_WEBHOOK_URL='{webhook}'",
        f"b24-cleanup plan {rules} --rehearsal --now {copy.now}{locked}",
        f"b24-cleanup apply last --confirm {host}",
        "b24-cleanup verify last",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
