"""Processes of their own that start in a hundredth of the time: forked from a server that has imported all of ours.

What a fork cannot have, an environment that counts while modules are imported, `forks` says no to; an interpreter of
its own is for that. With B24_TEST_FRESH=1 it says no to everything.
"""

import multiprocessing
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryFile
from typing import Any

import cleanup
from cleanup.cli import main
from cleanup.sandbox.__main__ import main as portal
from tests.at_once import without_waits

CONTEXT = multiprocessing.get_context("forkserver")
#: What is imported only once it is needed.
_LATE = ("typer._adapters", "anyio._backends._asyncio", "anyio.to_thread", "apprise")
_OURS = [found.name for found in pkgutil.walk_packages(cleanup.__path__, "cleanup.")]
CONTEXT.set_forkserver_preload(["tests.torture", *_LATE, *(name for name in _OURS if "__main__" not in name)])
_BORN = dict(os.environ)
#: Read while a command runs, never while it is imported.
_READ_LATE = ("B24_", "PYTEST_", "NO_COLOR", "COLUMNS")


def forks(environment: Mapping[str, str]) -> bool:
    """Whether a process with this environment may be a fork."""
    names = environment.keys() | _BORN.keys()
    other = {name for name in names if environment.get(name) != _BORN.get(name)}
    return not _BORN.get("B24_TEST_FRESH") and all(name.startswith(_READ_LATE) for name in other)


def call(
    words: tuple[str, ...],
    environment: Mapping[str, str],
    folder: Path,
    *,
    timeout: float,
    at_once: bool = False,
) -> CompletedProcess[str]:
    """The tool with these words, to its end. `at_once`: it repeats a question as often as ever, but without a wait."""
    with TemporaryFile("w+", encoding="utf-8") as out, TemporaryFile("w+", encoding="utf-8") as err:
        process = start(_tool, (words, at_once), environment, folder, out.fileno(), err.fileno())
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutExpired(words, timeout, _written(out), _written(err))
        return CompletedProcess(words, process.exitcode, _written(out), _written(err))


def _written(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def start(
    target: Callable[..., None],
    words: tuple[Any, ...],
    environment: Mapping[str, str],
    folder: Path,
    out: int,
    err: int,
) -> Any:
    """A process that runs `target`; a multiprocessing.Process. The descriptors stay the caller's."""
    streams = [Connection(os.dup(stream), readable=False) for stream in (out, err)]
    process = CONTEXT.Process(
        target=_as_started, args=(target, words, dict(environment), folder, *streams), daemon=True
    )
    process.start()
    for stream in streams:
        stream.close()
    return process


def _as_started(
    target: Callable[..., None],
    words: tuple[Any, ...],
    environment: Mapping[str, str],
    folder: Path,
    out: Connection,
    err: Connection,
) -> None:
    """In the new process: as a shell would have left it."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, number in ((out, 1), (err, 2)):
        os.dup2(stream.fileno(), number)
        stream.close()
    target(*words)


def _tool(words: tuple[str, ...], at_once: bool) -> None:
    sys.argv = ["b24-cleanup", *words]
    if at_once:
        without_waits()
    main()


def sandbox(*words: str) -> None:
    sys.exit(portal(words))
