"""Each public method is one transaction, which outlives this process when it returns. No other room knows SQL."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cleanup.errors import UsageError
from cleanup.journal import file, forms, values
from cleanup.journal.file import foreign_errors, readable
from cleanup.journal.records import (
    Batch,
    Count,
    EntryCount,
    IllegalStepError,
    Outcome,
    RunHead,
    Unsettled,
    Usage,
    Wait,
)
from cleanup.model import Action, Decision, Entry, Instance, State, Verdict

#: Waits of one reason that are closer than this are one.
_SAME_WAIT = timedelta(milliseconds=100)


class Journal:
    """An open journal. Use `create` or `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._session = 0
        self._request = 0
        self._form = forms.VERSION

    def __repr__(self) -> str:
        return f"<Journal {self.path.name} {dict(self._state_counts())}>"

    @classmethod
    def create(cls, path: Path, head: RunHead) -> Self:
        """A new journal, readable by its owner only. Raises UsageError when the file exists or cannot be made.

        It appears under its name when it is whole: a process that ends before leaves nothing in the way.
        """
        made = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            made.unlink(missing_ok=True)
            os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            file.write(path, file.connect(made), head)
            file.appear(made, path)
        except OSError as error:
            if path.exists():
                raise UsageError(f"The checkpoint {path} exists already; it is not overwritten.") from error
            raise UsageError(f"The checkpoint {path} cannot be written: {error.strerror}.") from error
        finally:
            with suppress(OSError):
                made.unlink(missing_ok=True)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """An existing journal, checked. Raises UsageError when it is missing, damaged or no journal of ours."""
        if not path.is_file():
            raise UsageError(f"There is no checkpoint {path}.")
        journal = cls(path, file.connect(path, readonly=readonly))
        try:
            journal._check()
            if not readonly:
                journal._make_durable()
            journal._renew(readonly=readonly)
        except BaseException:
            journal.close()
            raise
        return journal

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The run

    def head(self) -> RunHead:
        pairs = dict(self._all("SELECT key, value FROM run"))
        with readable(self.path):
            found = RunHead(**{field.name: pairs[field.name] for field in fields(RunHead) if field.name in pairs})
            datetime.fromisoformat(found.now), datetime.fromisoformat(found.created)
            return found

    def state(self) -> str:
        """listing, planned, applying, stopped or finished."""
        return self._value("state") or "listing"

    def set_state(self, state: str) -> None:
        self._set(state=state)

    def first_applied(self) -> bool:
        """Whether an apply has ever begun."""
        return self._value("applied") is not None

    def begin_apply(self, now: datetime) -> None:
        self._set(state="applying", applied=self._value("applied") or now.isoformat())

    def population(self) -> int | None:
        found = self._value("population")
        with readable(self.path):
            return None if found is None else int(found)

    def begin_session(self, verb: str, now: datetime) -> None:
        """From here on `save_usage` writes to a row of its own."""
        with self._transaction() as db:
            row = db.execute("INSERT INTO session (verb, began) VALUES (?, ?)", (verb, now.isoformat()))
            self._session = row.lastrowid or 0

    def save_usage(self, usage: Usage, waits: Iterable[Wait] = ()) -> None:
        """Replaces the session's figures and adds the waits since the last call."""
        with self._transaction(outlives_power=False) as db:
            db.execute(
                "UPDATE session SET sent = ?, retried = ?, query_limit = ?, operation_limit = ?, wall = ?,"
                " waiting_rate = ?, waiting_operating = ? WHERE number = ?",
                (*asdict(usage).values(), self._session),
            )
            for wait in waits:
                self._add_wait(db, wait)

    def usage(self) -> Usage:
        """Summed over all sessions of the run."""
        names = [field.name for field in fields(Usage)]
        sums = ", ".join(f"COALESCE(SUM({name}), 0)" for name in names)
        (row,) = self._all(f"SELECT {sums} FROM session")  # noqa: S608 - the names are ours
        return Usage(**dict(zip(names, row, strict=True)))

    # Planning

    def save_templates(self, templates: Mapping[int, str]) -> None:
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO template VALUES (?, ?)", templates.items())
            db.execute("INSERT OR REPLACE INTO run VALUES ('templates', ?)", (str(len(templates)),))

    def templates(self) -> dict[int, str] | None:
        """Names by id, as they were when the run was planned. None: not asked for yet."""
        return dict(self._all("SELECT id, name FROM template")) if self._value("templates") is not None else None

    def bookmark(self) -> str:
        """The ID behind which the listing goes on."""
        return self._value("bookmark") or ""

    def plan(self, judged: Iterable[tuple[Instance, Verdict]], bookmark: str) -> None:
        """Writes one stretch of the listing: the selected in full, the others counted, and the bookmark.

        Where all are to be recorded, each instance goes into the copy of the portal as well.
        """
        tally: dict[tuple[str, str, str, str], int] = {}
        selected: list[tuple[object, ...]] = []
        copied: list[tuple[object, ...]] = []
        records_all = self.records_all()
        for instance, verdict in judged:
            if records_all:
                copied.append(values.row_of(instance))
            key = (verdict.decision.value, verdict.rule or "", verdict.action or "", verdict.field or "")
            tally[key] = tally.get(key, 0) + 1
            if verdict.decision is Decision.SELECTED:
                row = (*values.row_of(instance), verdict.rule, verdict.action, verdict.reason)
                selected.append((*row, values.facts_text(instance.facts)))
        with self._transaction() as db:
            self._require_listing()
            db.executemany(
                f"INSERT INTO entry ({forms.INSTANCE_COLUMNS}, rule, action, reason, facts)"  # noqa: S608 - ours
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                selected,
            )
            _add_copies(db, copied)
            self._add_to_tally(db, tally)
            db.execute("INSERT OR REPLACE INTO run VALUES ('bookmark', ?)", (bookmark,))

    def records_all(self) -> bool:
        """Whether this journal is to hold every instance of its portal."""
        return self._value("record") == "all"

    def copy_bookmark(self) -> str:
        """The ID behind which the copy of the portal goes on: at least as far as the plan."""
        return max(self._value("copied") or "", self.bookmark())

    def copy(self, instances: Iterable[Instance], bookmark: str) -> None:
        """Records instances that the plan does not have to judge, and how far the copy has come."""
        with self._transaction() as db:
            _add_copies(db, map(values.row_of, instances))
            db.execute("INSERT OR REPLACE INTO run VALUES ('copied', ?)", (bookmark,))

    def copied(self) -> Iterator[Instance]:
        """Every instance of the portal in ID order, as it was listed, streamed. Nothing unless `records_all`."""
        if self.records_all():
            with foreign_errors(self.path):
                for row in self._db.execute(f"SELECT {forms.INSTANCE_COLUMNS} FROM copied ORDER BY id"):  # noqa: S608
                    with readable(self.path):
                        instance = values.instance(row)
                    yield instance

    def siblings_bookmark(self) -> str | None:
        """The ID behind which the listing of duplicates goes on; None: all instances are known."""
        return None if self._value("siblings") == "whole" else self._value("siblings_bookmark") or ""

    def add_siblings(self, instances: Iterable[Instance], bookmark: str) -> None:
        """Notes whose document and template each instance is, and how far that listing has come."""
        rows = [(values.document_of(instance), values.sort_stamp(instance), instance.id) for instance in instances]
        with self._transaction() as db:
            self._require_listing()
            db.executemany("INSERT OR REPLACE INTO sibling VALUES (?, ?, ?)", [row for row in rows if row[0]])
            db.execute("INSERT OR REPLACE INTO run VALUES ('siblings_bookmark', ?)", (bookmark,))

    def have_all_siblings(self) -> None:
        self._set(siblings="whole")

    def newer(self, instance: Instance, most: int) -> tuple[str, ...] | None:
        """IDs of newer instances of the same document and template, the newest first, up to `most`.

        None: it cannot be told, since a document, a template or the start of one of them is not known.
        """
        document, started = values.document_of(instance), values.sort_stamp(instance)
        if document is None or not started:
            return None
        if self._all("SELECT 1 FROM sibling WHERE document = ? AND started = '' LIMIT 1", (document,)):
            return None
        rows = self._all(
            "SELECT id FROM sibling WHERE document = ? AND (started, id) > (?, ?)"
            " ORDER BY started DESC, id DESC LIMIT ?",
            (document, started, instance.id, most),
        )
        return tuple(identity for (identity,) in rows)

    def take(self, rule: str, count: int, *, newest: bool) -> None:
        """Keeps `count` entries of a rule, the oldest or the newest by start; the others count as kept by it."""
        direction = "DESC" if newest else "ASC"
        with self._transaction() as db:
            self._require_listing()
            action = db.execute("SELECT action FROM entry WHERE rule = ? LIMIT 1", (rule,)).fetchone()
            left = db.execute(
                "DELETE FROM entry WHERE rule = ? AND id NOT IN ("  # noqa: S608 - the direction is one of two words
                f"SELECT id FROM entry WHERE rule = ? ORDER BY started {direction} NULLS LAST, id {direction} LIMIT ?)",
                (rule, rule, count),
            ).rowcount
            if left:
                self._add_to_tally(db, {(Decision.SELECTED.value, rule, action[0], ""): -left})
                self._add_to_tally(db, {(Decision.KEPT.value, rule, action[0], "take"): left})

    def finish_plan(self, population: int) -> None:
        """The listing is complete: from here on the plan is read, not written, and a seal is set on it."""
        with self._transaction() as db:
            self._require_listing()
            db.execute("INSERT OR REPLACE INTO run VALUES ('population', ?)", (str(population),))
            db.execute("INSERT OR REPLACE INTO run VALUES ('state', 'planned')")
            db.execute("DELETE FROM sibling")  # what an entry must know of them lies with its facts
            db.execute("INSERT OR REPLACE INTO run VALUES ('seal', ?)", (self._digest(),))

    def _require_listing(self) -> None:
        """A complete plan is not written any more, whoever tries."""
        if self.state() != "listing":
            raise UsageError(f"The plan in {self.path} is complete already: another process has finished it.")

    def is_as_planned(self) -> bool:
        """Whether the plan is still the one that was sealed. It reads all of it: a second for 100,000 entries."""
        return self._value("seal") == self._digest()

    def tally(self) -> list[Count]:
        rows = self._all("SELECT decision, rule, action, field, count FROM tally WHERE count > 0")
        with readable(self.path):
            return [Count(Decision(decision), *rest) for decision, *rest in rows]

    # Applying

    def planned(self, after: str, limit: int) -> list[Entry]:
        """Entries that wait to be sent, in ID order, behind the ID `after`."""
        rows = self._all(
            f"SELECT {self._entry_columns} FROM entry WHERE state = 'planned' AND id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (after, limit),
        )
        with readable(self.path):
            return [values.entry(row) for row in rows]

    def claim(self, ids: Sequence[str], *, now: datetime, quiet_at: datetime) -> int:
        """PLANNED → SENT for one request; on disk before anything is sent. Returns the request's number."""
        with self._transaction() as db:
            number = int(self._value("requests") or self._request) + 1
            db.execute("INSERT OR REPLACE INTO run VALUES ('requests', ?)", (str(number),))
            changed = db.execute(
                "UPDATE entry SET state = 'sent', sends = sends + 1, sent_at = ?, quiet_at = ?, request = ?, error = ''"
                " WHERE state = 'planned' AND id IN (SELECT value FROM json_each(?))",
                (now.isoformat(), quiet_at.isoformat(), number, json.dumps(ids)),
            ).rowcount
            _must_change_all(changed, ids)
        return number

    def record(self, outcomes: Iterable[Outcome], *, now: datetime, batch: Batch | None = None) -> None:
        """Writes what became of entries, and of the request that carried them.

        It is not waited for until the disk has it: whatever is sent next brings it there, and what a power cut takes
        before is still claimed, and asked about. Raises IllegalStepError, and then changes nothing.
        """
        alike: dict[tuple[State, str, bool, bool, bool], list[str]] = {}
        for each in outcomes:
            alike.setdefault((each.state, each.error, each.alone, each.doubt, each.refund), []).append(each.id)
        with self._transaction(outlives_power=False) as db:
            for (state, *step), ids in alike.items():
                ended = None if state in {State.PLANNED, State.SENT} else now.isoformat()
                changed = db.execute(
                    "UPDATE entry SET state = ?, ended_at = ?, error = ?, alone = ?, doubt = MAX(doubt, ?),"
                    " sends = MAX(0, sends - ?) WHERE id IN (SELECT value FROM json_each(?))",
                    (state, ended, *step, json.dumps(ids)),
                ).rowcount
                _must_change_all(changed, ids)
            if batch is not None:
                _add_batch(db, batch)

    def unsettled(self, limit: int) -> list[Unsettled]:
        """SENT entries in the order in which they were sent."""
        rows = self._all(
            f"SELECT {self._entry_columns}, request, sent_at, quiet_at FROM entry WHERE state = 'sent'"  # noqa: S608
            " ORDER BY request, id LIMIT ?",
            (limit,),
        )
        with readable(self.path):
            return [
                Unsettled(
                    values.entry(row[:-3]), row[-3], datetime.fromisoformat(row[-2]), datetime.fromisoformat(row[-1])
                )
                for row in rows
            ]

    # Reading

    def entry_counts(self) -> list[EntryCount]:
        rows = self._all("SELECT rule, action, state, COUNT(*) FROM entry GROUP BY rule, action, state ORDER BY rule")
        with readable(self.path):
            return [EntryCount(rule, action, State(state), count) for rule, action, state, count in rows]

    def state_counts(self) -> dict[State, int]:
        return dict(self._state_counts())

    def failed(self) -> int:
        ((count,),) = self._all("SELECT COUNT(*) FROM entry WHERE state = 'failed'")
        return int(count)

    def instances_of(self, rule: str, limit: int = -1) -> Iterator[Instance]:
        """What a rule selected, in ID order, streamed; -1: all of it."""
        sql = f"SELECT {self._entry_columns} FROM entry WHERE rule = ? ORDER BY id LIMIT ?"  # noqa: S608
        with foreign_errors(self.path):
            for row in self._db.execute(sql, (rule, limit)):
                yield self._entry_of(row).instance

    def starts(self) -> tuple[datetime | None, datetime | None]:
        """The oldest and the newest start among the entries."""
        ((oldest, newest),) = self._all("SELECT MIN(started), MAX(started) FROM entry")
        with readable(self.path):
            return values.moment(oldest), values.moment(newest)

    def open_counts(self) -> dict[Action, int]:
        """Entries that are planned or sent, by action. Reads an index of these only."""
        rows = self._all("SELECT action, COUNT(*) FROM entry WHERE state = 'planned' OR state = 'sent' GROUP BY action")
        return {Action(action): count for action, count in rows}

    def listed(self) -> int:
        """Instances that were judged so far."""
        ((count,),) = self._all("SELECT COALESCE(SUM(count), 0) FROM tally")
        return int(count)

    def template_counts(self) -> list[tuple[int | None, int]]:
        """Entries by template id, most first."""
        return self._all("SELECT template_id, COUNT(*) FROM entry GROUP BY template_id ORDER BY 2 DESC, 1")

    def entry(self, identity: str) -> Entry | None:
        rows = self._all(f"SELECT {self._entry_columns} FROM entry WHERE id = ?", (identity,))  # noqa: S608
        return self._entry_of(rows[0]) if rows else None

    def entries(self) -> Iterator[tuple[Entry, str, str]]:
        """Every entry in ID order with its sent_at and ended_at ("" where there is none), streamed."""
        with foreign_errors(self.path), readable(self.path):
            cursor = self._db.execute(f"SELECT {self._entry_columns}, sent_at, ended_at FROM entry ORDER BY id")  # noqa: S608
            for row in cursor:
                yield values.entry(row), row[-2] or "", row[-1] or ""

    def batches(self) -> list[Batch]:
        """In the order of their numbers; empty where the journal is of a form that had none."""
        return [values.batch(row) for row in self._batch_rows("ORDER BY request")]

    def last_batch(self) -> Batch | None:
        """The one that was answered last; None where there is none."""
        rows = self._batch_rows("ORDER BY answered DESC, request DESC LIMIT 1")
        return values.batch(rows[0]) if rows else None

    def _batch_rows(self, order: str) -> list[tuple]:  # type: ignore[type-arg] # SQLite's rows
        pace = "in_flight, slowdown" if self._form > forms.FORMS_WITHOUT_PACE else "0, NULL"
        columns = f"request, began, answered, entries, ended, size, seconds, {pace}"
        return self._all(f"SELECT {columns} FROM batch {order}") if self._form > 1 else []  # noqa: S608

    def waits(self) -> list[Wait]:
        rows = self._all("SELECT reason, began, ended FROM wait ORDER BY began") if self._form > 1 else []
        return [
            Wait(reason, datetime.fromisoformat(began), datetime.fromisoformat(ended)) for reason, began, ended in rows
        ]

    # Inside

    @property
    def _entry_columns(self) -> str:
        """An older file that is only read has no facts."""
        return (
            forms.ENTRY_COLUMNS
            if self._form > forms.FORMS_WITHOUT_FACTS
            else forms.ENTRY_COLUMNS.replace("facts", "'' AS facts")
        )

    def _entry_of(self, row: tuple) -> Entry:  # type: ignore[type-arg] # SQLite's rows
        with readable(self.path):
            return values.entry(row)

    def _state_counts(self) -> list[tuple[State, int]]:
        rows = self._all("SELECT state, COUNT(*) FROM entry GROUP BY state")
        with readable(self.path):
            return [(State(state), count) for state, count in rows]

    def _check(self) -> None:
        ((identity,),) = self._all("PRAGMA application_id")
        ((version,),) = self._all("PRAGMA user_version")
        if identity != forms.APPLICATION_ID:
            raise UsageError(f"{self.path} is not a checkpoint of b24-cleanup.")
        if not 0 < version <= forms.VERSION:
            raise UsageError(f"{self.path} was written by another version of b24-cleanup (format {version}).")
        self._form = version
        ((self._request,),) = self._all("SELECT COALESCE(MAX(request), 0) FROM entry")
        ((verdict,),) = self._all("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise UsageError(f"{file.damaged(self.path)} ({verdict.splitlines()[0]})")

    def _make_durable(self) -> None:
        """For writers, once the file is known to be ours."""
        # A claim must outlive a power cut, or an instance of ours would later look as ended by others.
        self._all("PRAGMA journal_mode = WAL")

    def _renew(self, *, readonly: bool) -> None:
        """Takes the steps that an older file lacks. One that is only read is read as it is."""
        if self._form < forms.VERSION and not readonly:
            with self._transaction() as db:
                forms.take_steps(db, self._form)
            self._form = forms.VERSION

    def _add_wait(self, db: sqlite3.Connection, wait: Wait) -> None:
        """A wait that goes on where the last one of its reason stopped is the same wait."""
        reason, began, ended = wait.reason, values.precise(wait.began), values.precise(wait.ended)
        longer = db.execute(
            "UPDATE wait SET ended = ? WHERE ended >= ? AND number = (SELECT MAX(number) FROM wait WHERE reason = ?)",
            (ended, values.precise(wait.began - _SAME_WAIT), reason),
        ).rowcount
        if not longer:
            db.execute("INSERT INTO wait (reason, began, ended) VALUES (?, ?, ?)", (reason, began, ended))

    def _digest(self) -> str:
        # Of what the file itself holds: a plan that an older version sealed lacks the newer keys.
        head = {name: value for name, value in asdict(self.head()).items() if self._value(name) is not None}
        head |= {"population": self._value("population")}
        digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        for sql in forms.SEALED:
            with foreign_errors(self.path):
                for (row,) in self._db.execute(sql):
                    digest.update(row.encode() + b"\n")
            digest.update(b"\n")
        if self._form > forms.FORMS_WITHOUT_FACTS:
            with foreign_errors(self.path):
                for (row,) in self._db.execute(forms.SEALED_FACTS):
                    digest.update(row.encode() + b"\n")
        return f"sha256:{digest.hexdigest()}"

    def _value(self, key: str) -> str | None:
        rows = self._all("SELECT value FROM run WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def _set(self, **pairs: str) -> None:
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", pairs.items())

    def _add_to_tally(self, db: sqlite3.Connection, tally: Mapping[tuple[str, str, str, str], int]) -> None:
        db.executemany(
            "INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in tally.items()],
        )

    def _all(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg] # SQLite's rows
        with foreign_errors(self.path):
            return self._db.execute(sql, parameters).fetchall()

    @contextmanager
    def _transaction(self, *, outlives_power: bool = True) -> Iterator[sqlite3.Connection]:
        """Without `outlives_power` a power cut may undo it, as long as no other transaction came behind it."""
        with foreign_errors(self.path):
            self._db.execute(f"PRAGMA synchronous = {'FULL' if outlives_power else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _add_copies(db: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    sql = f"INSERT OR REPLACE INTO copied ({forms.INSTANCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    db.executemany(sql, rows)


def _add_batch(db: sqlite3.Connection, batch: Batch) -> None:
    began, answered = values.precise(batch.began), values.precise(batch.answered)
    slowdown = None if batch.slowdown is None else round(batch.slowdown, 3)
    counts = (batch.entries, batch.ended, batch.size, round(batch.seconds, 3), batch.in_flight, slowdown)
    row = (batch.request, began, answered, *counts)
    db.execute("INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _must_change_all(changed: int, ids: Sequence[str]) -> None:
    if changed != len(ids):
        raise IllegalStepError(f"{changed} of {len(ids)} entries are in the state that this step begins with")
