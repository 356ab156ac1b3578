"""`report`: the entries of a run as a table for programs and spreadsheets, or as a page for people."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from cleanup.cli.app import app
from cleanup.cli.options import Language, RunArgument, StateOption, Table
from cleanup.cli.shared import state_directory
from cleanup.errors import UsageError

if TYPE_CHECKING:
    from cleanup.journal import Journal

#: Spreadsheet programs take a CSV file without it for one of an 8-bit code page.
_MARK = "\ufeff"


@app.command()
def report(
    run: RunArgument = "last",
    table: Annotated[
        Table, typer.Option("--format", help="csv, json, jsonl: one row an entry; html: a page for people.")
    ] = Table.CSV,
    file: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", "--file", metavar="FILE", help="Write here; “-”: to stdout.", show_default=False
        ),
    ] = None,
    language: Annotated[
        Language | None,
        typer.Option("--lang", help="Of the page; by default the locale's.", show_default=False),
    ] = None,
    state_dir: StateOption = None,
) -> None:
    """Write the entries of a run: what was selected, by which rule, and what became of it."""
    from cleanup.journal import Journal

    if file in set(Table):
        raise UsageError(f"-o names the file. For the form say: --format {file}. For such a file: -o ./{file}")
    state = state_directory(state_dir)
    with Journal.open(state.find(run), readonly=True) as journal:
        dead = journal.state() == "applying" and not state.held(journal.head().portal)
        write = _writer(table, language, "stopped" if dead else None)
        if file in {None, "-"}:
            write(journal, sys.stdout)
            return
        with _opened(Path(file or "")) as target:
            if table is Table.CSV:
                target.write(_MARK)
            write(journal, target)
        typer.echo(f"{file}: written, {sum(journal.state_counts().values()):,} entries.", err=True)


def _writer(table: Table, language: Language | None, state: str | None) -> "Callable[[Journal, IO[str]], None]":
    from cleanup.reports import tables

    if table is Table.HTML:
        from cleanup.reports.html import language_of, write_page

        return lambda journal, target: write_page(journal, target, language=language or language_of(), state=state)
    return {Table.CSV: tables.write_csv, Table.JSON: tables.write_json, Table.JSONL: tables.write_jsonl}[table]


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    """A file that only its owner reads, also where one was there before. Raises UsageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as target:
            if file.is_file():
                file.chmod(0o600)
            yield target
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error
