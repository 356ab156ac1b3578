"""The journal: one SQLite file that is a run's plan, its checkpoint and its record. No other file knows SQL.

Each public method is one transaction, on disk when it returns. The table of states (model.STEPS) is a trigger in
the file itself: a step that it does not allow raises and changes nothing.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cleanup.errors import CleanupError, StoppedEarly, UsageError
from cleanup.model import NOTHING_ASKED, STEPS, Action, Decision, Entry, Facts, Instance, Standing, State, Verdict

_APPLICATION_ID = 0x62323463  # "b24c"
_STEPS = ", ".join(f"'{old}>{new}'" for old, following in STEPS.items() for new in sorted(following))
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE template (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE tally (
    decision TEXT NOT NULL, rule TEXT NOT NULL, action TEXT NOT NULL, field TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (decision, rule, action, field)
) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '{State.PLANNED}', sends INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0,
    doubt INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    template_id INTEGER, module TEXT, entity TEXT, document_id TEXT, started TEXT, started_by INTEGER,
    modified TEXT, owned_until TEXT, unreadable TEXT NOT NULL,
    sent_at TEXT, ended_at TEXT,
    request INTEGER, -- the request that carried it last
    quiet_at TEXT    -- when the portal has surely finished that request, answered or not
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_open ON entry (state, id)
WHERE state = '{State.PLANNED}' OR state = '{State.SENT}' OR state = '{State.FAILED}';
CREATE TRIGGER entry_step BEFORE UPDATE OF state ON entry
WHEN OLD.state <> NEW.state AND (OLD.state || '>' || NEW.state) NOT IN ({_STEPS})
BEGIN SELECT RAISE(ABORT, 'illegal step of an entry'); END;
CREATE TABLE session (
    number INTEGER PRIMARY KEY, verb TEXT NOT NULL, began TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, retried INTEGER NOT NULL DEFAULT 0,
    query_limit INTEGER NOT NULL DEFAULT 0, operation_limit INTEGER NOT NULL DEFAULT 0,
    wall REAL NOT NULL DEFAULT 0, waiting_rate REAL NOT NULL DEFAULT 0, waiting_operating REAL NOT NULL DEFAULT 0
) STRICT;
"""
_TIMELINE = """
CREATE TABLE batch (
    request INTEGER PRIMARY KEY, began TEXT NOT NULL, answered TEXT NOT NULL,
    entries INTEGER NOT NULL, ended INTEGER NOT NULL, size INTEGER NOT NULL, seconds REAL NOT NULL
) STRICT;
CREATE TABLE wait (number INTEGER PRIMARY KEY, reason TEXT NOT NULL, began TEXT NOT NULL, ended TEXT NOT NULL) STRICT;
"""
_COPY = """
CREATE TABLE copied (
    id TEXT PRIMARY KEY, template_id INTEGER, module TEXT, entity TEXT, document_id TEXT, started TEXT,
    started_by INTEGER, modified TEXT, owned_until TEXT, unreadable TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_PACE = """
ALTER TABLE batch ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN slowdown REAL;
"""
_FACTS = """
ALTER TABLE entry ADD COLUMN facts TEXT NOT NULL DEFAULT '';
CREATE TABLE sibling (
    document TEXT NOT NULL, started TEXT NOT NULL, id TEXT NOT NULL, -- started: "" where it is not known
    PRIMARY KEY (document, started, id)
) STRICT, WITHOUT ROWID;
"""
#: The steps from an empty file to the newest form, in order; user_version says how many a file has taken.
_FORMS = (
    ("the plan and its entries", _SCHEMA),
    ("a row a batch, and the waits", _TIMELINE),
    ("every instance of the portal, where a plan is to record all", _COPY),
    ("the pace of each batch", _PACE),
    ("what was asked beyond the rows, and who is newer of the same document", _FACTS),
)
_VERSION = len(_FORMS)
_FORMS_WITHOUT_PACE = 3
_FORMS_WITHOUT_FACTS = 4
#: Waits of one reason that are closer than this are one.
_SAME_WAIT = timedelta(milliseconds=100)
_INSTANCE_COLUMNS = (
    "id, template_id, module, entity, document_id, started, started_by, modified, owned_until, unreadable"
)
#: What never changes once the plan is complete: the seal is a digest over it.
_SEALED = (
    f"SELECT json_array({_INSTANCE_COLUMNS}, rule, action, reason) FROM entry ORDER BY id",  # noqa: S608
    "SELECT json_array(id, name) FROM template ORDER BY id",
    "SELECT json_array(decision, rule, action, field, count) FROM tally ORDER BY decision, rule, action, field",
)
#: Of its own, so that plans of older versions keep the seal that they were given.
_SEALED_FACTS = "SELECT json_array(id, facts) FROM entry WHERE facts <> '' ORDER BY id"
_ENTRY_COLUMNS = f"{_INSTANCE_COLUMNS}, rule, action, reason, state, sends, alone, doubt, error, facts"


class IllegalStepError(CleanupError):
    """A defect of ours: an entry was asked to make a step that its table does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHead:
    """What a run is about; written once. Times are ISO 8601."""

    run: str
    portal: str
    rules_file: str
    rules_digest: str
    #: The rules file's own text: a resumed run judges by exactly what was planned.
    rules_source: str
    #: The plan's one "now", from the portal's clock.
    now: str
    created: str
    include_locked: str = ""
    #: "selected", or "all": every instance is recorded, for a copy of the portal.
    record: str = "selected"
    #: The portal's clock when the plan began, whatever its "now" is; "" in older journals.
    present: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next step of an entry. State SENT keeps it SENT, with the error noted."""

    id: str
    state: State
    error: str = ""
    #: The entry was not to blame for this send: it does not count.
    refund: bool = False
    #: Send it by itself the next time.
    alone: bool = False
    #: This send may have ended it without our knowing; once set this stays.
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A SENT entry with what is needed to settle it."""

    entry: Entry
    request: int
    sent_at: datetime
    #: When the portal has surely finished that request, as predicted when it was sent.
    quiet_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many instances got one decision by one rule. Rule and field are "" where there is none."""

    decision: Decision
    rule: str
    action: str
    field: str
    count: int


@dataclass(frozen=True, slots=True)
class EntryCount:
    """How many entries of a rule are in a state."""

    rule: str
    action: str
    state: State
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request that ended entries, or was to."""

    #: Its number, from `claim`.
    request: int
    began: datetime
    answered: datetime
    entries: int
    #: 0 where it was refused or its answer was lost.
    ended: int
    #: How many one request might have carried at that time.
    size: int
    #: From sending to the answer, by a clock that nobody sets.
    seconds: float
    #: How many requests might be in flight at that time. 0: not recorded.
    in_flight: int = 0
    #: Seconds per kill in multiples of the unloaded ones. None: not known.
    slowdown: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A time during which at least one request waited for leave. The reason is `rate` or `operating`."""

    reason: str
    began: datetime
    ended: datetime


@dataclass(slots=True, kw_only=True)
class Usage:
    """Requests and seconds of a session, or summed over all of a run."""

    sent: int = 0
    retried: int = 0
    query_limit: int = 0
    operation_limit: int = 0
    wall: float = 0.0
    waiting_rate: float = 0.0
    waiting_operating: float = 0.0


class Journal:
    """An open journal. Use `create` or `open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._session = 0
        self._request = 0
        self._form = _VERSION

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
            _write_schema(path, _connect(made), head)
            _appear(made, path)
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
        journal = cls(path, _connect(path, readonly=readonly))
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
        with _readable(self.path):
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
        with _readable(self.path):
            return None if found is None else int(found)

    def begin_session(self, verb: str, now: datetime) -> None:
        """From here on `save_usage` writes to a row of its own."""
        with self._transaction() as db:
            row = db.execute("INSERT INTO session (verb, began) VALUES (?, ?)", (verb, now.isoformat()))
            self._session = row.lastrowid or 0

    def save_usage(self, usage: Usage, waits: Iterable[Wait] = ()) -> None:
        """Replaces the session's figures and adds the waits since the last call."""
        with self._transaction() as db:
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
                copied.append(_instance_row(instance))
            key = (verdict.decision.value, verdict.rule or "", verdict.action or "", verdict.field or "")
            tally[key] = tally.get(key, 0) + 1
            if verdict.decision is Decision.SELECTED:
                row = (*_instance_row(instance), verdict.rule, verdict.action, verdict.reason)
                selected.append((*row, _facts_text(instance.facts)))
        with self._transaction() as db:
            self._require_listing()
            db.executemany(
                f"INSERT INTO entry ({_INSTANCE_COLUMNS}, rule, action, reason, facts)"  # noqa: S608 - ours
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
            _add_copies(db, map(_instance_row, instances))
            db.execute("INSERT OR REPLACE INTO run VALUES ('copied', ?)", (bookmark,))

    def copied(self) -> Iterator[Instance]:
        """Every instance of the portal in ID order, as it was listed, streamed. Nothing unless `records_all`."""
        if self.records_all():
            with _foreign_errors(self.path):
                for row in self._db.execute(f"SELECT {_INSTANCE_COLUMNS} FROM copied ORDER BY id"):  # noqa: S608
                    with _readable(self.path):
                        instance = _instance(row)
                    yield instance

    def siblings_bookmark(self) -> str | None:
        """The ID behind which the listing of duplicates goes on; None: all instances are known."""
        return None if self._value("siblings") == "whole" else self._value("siblings_bookmark") or ""

    def add_siblings(self, instances: Iterable[Instance], bookmark: str) -> None:
        """Notes whose document and template each instance is, and how far that listing has come."""
        rows = [(_document_of(instance), _sort_stamp(instance), instance.id) for instance in instances]
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
        document, started = _document_of(instance), _sort_stamp(instance)
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
        with _readable(self.path):
            return [Count(Decision(decision), *rest) for decision, *rest in rows]

    # Applying

    def planned(self, after: str, limit: int) -> list[Entry]:
        """Entries that wait to be sent, in ID order, behind the ID `after`."""
        rows = self._all(
            f"SELECT {self._entry_columns} FROM entry WHERE state = 'planned' AND id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (after, limit),
        )
        with _readable(self.path):
            return [_entry(row) for row in rows]

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

        Raises IllegalStepError, and then changes nothing.
        """
        alike: dict[Outcome, list[str]] = {}
        for outcome in outcomes:
            alike.setdefault(replace(outcome, id=""), []).append(outcome.id)
        with self._transaction() as db:
            for step, ids in alike.items():
                ended = None if step.state in {State.PLANNED, State.SENT} else now.isoformat()
                changed = db.execute(
                    "UPDATE entry SET state = ?, error = ?, ended_at = ?, alone = ?, doubt = MAX(doubt, ?),"
                    " sends = MAX(0, sends - ?) WHERE id IN (SELECT value FROM json_each(?))",
                    (step.state, step.error, ended, step.alone, step.doubt, int(step.refund), json.dumps(ids)),
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
        with _readable(self.path):
            return [
                Unsettled(_entry(row[:-3]), row[-3], datetime.fromisoformat(row[-2]), datetime.fromisoformat(row[-1]))
                for row in rows
            ]

    # Reading

    def entry_counts(self) -> list[EntryCount]:
        rows = self._all("SELECT rule, action, state, COUNT(*) FROM entry GROUP BY rule, action, state ORDER BY rule")
        with _readable(self.path):
            return [EntryCount(rule, action, State(state), count) for rule, action, state, count in rows]

    def state_counts(self) -> dict[State, int]:
        return dict(self._state_counts())

    def failed(self) -> int:
        ((count,),) = self._all("SELECT COUNT(*) FROM entry WHERE state = 'failed'")
        return int(count)

    def instances_of(self, rule: str, limit: int = -1) -> Iterator[Instance]:
        """What a rule selected, in ID order, streamed; -1: all of it."""
        sql = f"SELECT {self._entry_columns} FROM entry WHERE rule = ? ORDER BY id LIMIT ?"  # noqa: S608
        with _foreign_errors(self.path):
            for row in self._db.execute(sql, (rule, limit)):
                yield self._entry_of(row).instance

    def starts(self) -> tuple[datetime | None, datetime | None]:
        """The oldest and the newest start among the entries."""
        ((oldest, newest),) = self._all("SELECT MIN(started), MAX(started) FROM entry")
        with _readable(self.path):
            return _moment(oldest), _moment(newest)

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
        with _foreign_errors(self.path), _readable(self.path):
            cursor = self._db.execute(f"SELECT {self._entry_columns}, sent_at, ended_at FROM entry ORDER BY id")  # noqa: S608
            for row in cursor:
                yield _entry(row), row[-2] or "", row[-1] or ""

    def batches(self) -> list[Batch]:
        """In the order of their numbers; empty where the journal is of a form that had none."""
        return [_batch(row) for row in self._batch_rows("ORDER BY request")]

    def last_batch(self) -> Batch | None:
        """The one that was answered last; None where there is none."""
        rows = self._batch_rows("ORDER BY answered DESC, request DESC LIMIT 1")
        return _batch(rows[0]) if rows else None

    def _batch_rows(self, order: str) -> list[tuple]:  # type: ignore[type-arg] # SQLite's rows
        pace = "in_flight, slowdown" if self._form > _FORMS_WITHOUT_PACE else "0, NULL"
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
        return _ENTRY_COLUMNS if self._form > _FORMS_WITHOUT_FACTS else _ENTRY_COLUMNS.replace("facts", "'' AS facts")

    def _entry_of(self, row: tuple) -> Entry:  # type: ignore[type-arg] # SQLite's rows
        with _readable(self.path):
            return _entry(row)

    def _state_counts(self) -> list[tuple[State, int]]:
        rows = self._all("SELECT state, COUNT(*) FROM entry GROUP BY state")
        with _readable(self.path):
            return [(State(state), count) for state, count in rows]

    def _check(self) -> None:
        ((identity,),) = self._all("PRAGMA application_id")
        ((version,),) = self._all("PRAGMA user_version")
        if identity != _APPLICATION_ID:
            raise UsageError(f"{self.path} is not a checkpoint of b24-cleanup.")
        if not 0 < version <= _VERSION:
            raise UsageError(f"{self.path} was written by another version of b24-cleanup (format {version}).")
        self._form = version
        ((self._request,),) = self._all("SELECT COALESCE(MAX(request), 0) FROM entry")
        ((verdict,),) = self._all("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise UsageError(f"{_damaged(self.path)} ({verdict.splitlines()[0]})")

    def _make_durable(self) -> None:
        """For writers, once the file is known to be ours."""
        self._all("PRAGMA journal_mode = WAL")
        # FULL: a claim must outlive a power cut, or an instance of ours would later look as ended by others.
        self._all("PRAGMA synchronous = FULL")

    def _renew(self, *, readonly: bool) -> None:
        """Takes the steps that an older file lacks. One that is only read is read as it is."""
        if self._form < _VERSION and not readonly:
            with self._transaction() as db:
                _take_steps(db, self._form)
            self._form = _VERSION

    def _add_wait(self, db: sqlite3.Connection, wait: Wait) -> None:
        """A wait that goes on where the last one of its reason stopped is the same wait."""
        reason, began, ended = wait.reason, _precise(wait.began), _precise(wait.ended)
        longer = db.execute(
            "UPDATE wait SET ended = ? WHERE ended >= ? AND number = (SELECT MAX(number) FROM wait WHERE reason = ?)",
            (ended, _precise(wait.began - _SAME_WAIT), reason),
        ).rowcount
        if not longer:
            db.execute("INSERT INTO wait (reason, began, ended) VALUES (?, ?, ?)", (reason, began, ended))

    def _digest(self) -> str:
        # Of what the file itself holds: a plan that an older version sealed lacks the newer keys.
        head = {name: value for name, value in asdict(self.head()).items() if self._value(name) is not None}
        head |= {"population": self._value("population")}
        digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        for sql in _SEALED:
            with _foreign_errors(self.path):
                for (row,) in self._db.execute(sql):
                    digest.update(row.encode() + b"\n")
            digest.update(b"\n")
        if self._form > _FORMS_WITHOUT_FACTS:
            with _foreign_errors(self.path):
                for (row,) in self._db.execute(_SEALED_FACTS):
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
        with _foreign_errors(self.path):
            return self._db.execute(sql, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _foreign_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    with _foreign_errors(path):
        mode = "ro" if readonly else "rw"
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=10)


def _take_steps(db: sqlite3.Connection, taken: int) -> None:
    for _, script in _FORMS[taken:]:
        for statement in _statements(script):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _add_copies(db: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    sql = f"INSERT OR REPLACE INTO copied ({_INSTANCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    db.executemany(sql, rows)


def _add_batch(db: sqlite3.Connection, batch: Batch) -> None:
    began, answered = _precise(batch.began), _precise(batch.answered)
    slowdown = None if batch.slowdown is None else round(batch.slowdown, 3)
    counts = (batch.entries, batch.ended, batch.size, round(batch.seconds, 3), batch.in_flight, slowdown)
    row = (batch.request, began, answered, *counts)
    db.execute("INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _precise(moment: datetime) -> str:
    """Of one zone and one width, so that texts compare as times do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _write_schema(path: Path, connection: sqlite3.Connection, head: RunHead) -> None:
    """In one transaction, and closed. `path` is the name that errors tell."""
    pairs = asdict(head) | {"state": "listing", "bookmark": ""}
    with _foreign_errors(path), closing(connection) as db:
        db.execute("BEGIN")
        _take_steps(db, 0)
        db.executemany("INSERT INTO run VALUES (?, ?)", pairs.items())
        db.execute("COMMIT")


def _appear(made: Path, path: Path) -> None:
    """Gives the file its name. Raises FileExistsError, where a rename would overwrite."""
    try:
        path.hardlink_to(made)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        made.rename(path)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; executescript would commit the transaction that it runs in."""
    collected = ""
    for line in script.splitlines():
        collected += line + "\n"
        if sqlite3.complete_statement(collected):
            yield collected
            collected = ""


@contextmanager
def _foreign_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, each with what to do."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IllegalStepError(f"{path}: {error}") from error
    except sqlite3.OperationalError as error:
        raise _of_operation(path, error) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise UsageError(_damaged(path)) from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What the file holds is turned into values: where it cannot be, bytes of it were flipped."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(_damaged(path)) from error


def _of_operation(path: Path, error: sqlite3.OperationalError) -> CleanupError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # absent where Python itself could not decode a text
    if code == sqlite3.SQLITE_FULL:
        return StoppedEarly(f"The disk under {path} is full. Make room and run the same command: nothing is lost.")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return UsageError(f"The checkpoint {path} cannot be written: {error}.")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoppedEarly(f"The checkpoint {path} is held by another process. Try again when that has ended.")
    if code == sqlite3.SQLITE_IOERR:
        return StoppedEarly(f"The disk under {path} fails ({error}). Mend it and run the same command.")
    return UsageError(f"{_damaged(path)} ({error})")


def _damaged(path: Path) -> str:
    return f"The checkpoint {path} is damaged or no checkpoint at all. Nothing was sent; make a new plan."


def _must_change_all(changed: int, ids: Sequence[str]) -> None:
    if changed != len(ids):
        raise IllegalStepError(f"{changed} of {len(ids)} entries are in the state that this step begins with")


def _instance_row(instance: Instance) -> tuple[object, ...]:
    return (
        instance.id,
        instance.template_id,
        instance.module,
        instance.entity,
        instance.document_id,
        _stamp(instance.started),
        instance.started_by,
        _stamp(instance.modified),
        _stamp(instance.owned_until),
        " ".join(sorted(instance.unreadable)),
    )


def _instance(row: tuple, facts: Facts = NOTHING_ASKED) -> Instance:  # type: ignore[type-arg] # SQLite's rows
    identity, template, module, entity, document, started, started_by, modified, owned, unreadable = row
    return Instance(
        id=identity,
        template_id=template,
        module=module,
        entity=entity,
        document_id=document,
        started=_moment(started),
        started_by=started_by,
        modified=_moment(modified),
        owned_until=_moment(owned),
        unreadable=frozenset(unreadable.split()),
        facts=facts,
    )


def _entry(row: tuple) -> Entry:  # type: ignore[type-arg] # SQLite's rows
    rule, action, reason, state, sends, alone, doubt, error, facts = row[10:19]
    return Entry(
        instance=_instance(row[:10], _facts(facts)),
        rule=rule,
        action=Action(action),
        reason=reason,
        state=State(state),
        sends=sends,
        alone=bool(alone),
        doubt=bool(doubt),
        error=error,
    )


def _facts_text(facts: Facts) -> str:
    """ "" where nothing was asked."""
    if facts == NOTHING_ASKED:
        return ""
    assignees = None if facts.assignees is None else sorted(facts.assignees)
    return json.dumps(asdict(replace(facts, assignees=None)) | {"assignees": assignees})


def _facts(text: str) -> Facts:
    if not text:
        return NOTHING_ASKED
    told = json.loads(text)
    assignees, newer = told["assignees"], told["newer"]
    return Facts(
        starter=None if told["starter"] is None else Standing(told["starter"]),
        assignees=None if assignees is None else frozenset(map(Standing, assignees)),
        document_exists=told["document_exists"],
        newer=None if newer is None else tuple(newer),
    )


def _document_of(instance: Instance) -> str | None:
    """What duplicates have in common; None where a part of it is not known."""
    parts = (instance.module, instance.entity, instance.document_id, instance.template_id)
    return None if None in parts else json.dumps(parts, ensure_ascii=False)


def _sort_stamp(instance: Instance) -> str:
    return "" if instance.started is None else _precise(instance.started)


def _batch(row: tuple) -> Batch:  # type: ignore[type-arg] # SQLite's rows
    request, began, answered, entries, ended, size, seconds, in_flight, slowdown = row
    return Batch(
        request=request,
        began=datetime.fromisoformat(began),
        answered=datetime.fromisoformat(answered),
        entries=entries,
        ended=ended,
        size=size,
        seconds=seconds,
        in_flight=in_flight,
        slowdown=slowdown,
    )


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(stamp: str | None) -> datetime | None:
    return None if stamp is None else datetime.fromisoformat(stamp)
