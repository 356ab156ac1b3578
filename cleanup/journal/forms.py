"""The tables of a journal, and the steps by which an older file gets those that it lacks."""

import sqlite3
from collections.abc import Iterator

from cleanup.model import STEPS, State

APPLICATION_ID = 0x62323463  # "b24c"
#: One text: to look into it takes a tenth of the time in which SQLite builds a set for each row.
_STEPS = " ".join(f"{old}>{new}" for old, following in STEPS.items() for new in sorted(following))
_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
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
WHEN OLD.state <> NEW.state AND NOT instr(' {_STEPS} ', ' ' || OLD.state || '>' || NEW.state || ' ')
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
VERSION = len(_FORMS)
FORMS_WITHOUT_PACE = 3
FORMS_WITHOUT_FACTS = 4
INSTANCE_COLUMNS = (
    "id, template_id, module, entity, document_id, started, started_by, modified, owned_until, unreadable"
)
#: What never changes once the plan is complete: the seal is a digest over it.
SEALED = (
    f"SELECT json_array({INSTANCE_COLUMNS}, rule, action, reason) FROM entry ORDER BY id",  # noqa: S608
    "SELECT json_array(id, name) FROM template ORDER BY id",
    "SELECT json_array(decision, rule, action, field, count) FROM tally ORDER BY decision, rule, action, field",
)
#: Of its own, so that plans of older versions keep the seal that they were given.
SEALED_FACTS = "SELECT json_array(id, facts) FROM entry WHERE facts <> '' ORDER BY id"
ENTRY_COLUMNS = f"{INSTANCE_COLUMNS}, rule, action, reason, state, sends, alone, doubt, error, facts"


def take_steps(db: sqlite3.Connection, taken: int) -> None:
    for _, script in _FORMS[taken:]:
        for statement in _statements(script):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; executescript would commit the transaction that it runs in."""
    collected = ""
    for line in script.splitlines():
        collected += line + "\n"
        if sqlite3.complete_statement(collected):
            yield collected
            collected = ""
