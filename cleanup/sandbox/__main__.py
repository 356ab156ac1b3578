"""`python -m cleanup.sandbox`: a simulated portal until it is interrupted. Its options are in options.py."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence

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
    try:
        run(settings_from(namespace), _announce)
    except (ValueError, OSError) as error:
        parser.error(str(error))


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
