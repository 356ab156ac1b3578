"""A reader who types the commands of a page, each block in a terminal of its own, with a sandbox for the portal."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.doc_blocks import terminals

TOP = Path(__file__).parent.parent
#: Stands in for the command, and repeats a question without a wait. A sandbox goes on in the background until the page
#: is over; who is asked for the portal's host types it.
_TOOL = """\
#!/bin/sh
if [ "$1" = sandbox ]; then
    for old in $(cat sandboxes 2>/dev/null); do kill "$old"; while kill -0 "$old" 2>/dev/null; do sleep 0.1; done; done
    {python} -m cleanup "$@" >sandbox.out 2>sandbox.err &
    echo $! >sandboxes
    while kill -0 $! && ! grep -q b24-cleanup sandbox.out; do sleep 0.1; done
    cat sandbox.out sandbox.err
    exit
fi
case "$*" in
    *--confirm*|*--dry-run*) ;;
    apply*) set -- "$@" --confirm {portal} ;;
esac
exec {python} -m tests.at_once "$@"
"""


def read(page: Path, home: Path, webhook: str) -> subprocess.CompletedProcess[str]:
    """Runs all of it at home, where the files of configs/ lie. Ends the sandboxes that it started."""
    portal = webhook.split("/")[2]
    _furnish(home, webhook, portal)
    text = terminals(page).replace("https://acme.bitrix24.ru/rest/1/xxxxxxxxxxxxxxxx/", webhook)
    text = (
        text.replace("acme.bitrix24.ru", portal).replace("8090", str(_free_port())).replace("8765", str(_free_port()))
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("B24_", "COVERAGE"))}
    environment |= {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin", "PYTHONPATH": str(TOP), "NO_COLOR": "1"}
    environment |= {"B24_WEBHOOK_URL": webhook, "B24_CLEANUP_STATE_DIR": str(home / "state")}
    try:
        return subprocess.run(
            ["bash", "-c", text], env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=110
        )
    finally:
        _end_sandboxes(home)


def _furnish(home: Path, webhook: str, portal: str) -> None:
    for file in (TOP / "configs").glob("*.yaml"):
        shutil.copy(file, home)
    (home / "b24-webhook").write_text(webhook, encoding="utf-8")
    (home / "bin").mkdir()
    tool = home / "bin" / "b24-cleanup"
    tool.write_text(_TOOL.format(python=sys.executable, portal=portal), encoding="utf-8")
    tool.chmod(0o755)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_sandboxes(home: Path) -> None:
    pids = re.findall(r"\d+", (home / "sandboxes").read_text() if (home / "sandboxes").exists() else "")
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)
