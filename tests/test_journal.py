"""What the journal promises, on real files."""

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanup.errors import UsageError
from cleanup.journal import Batch, IllegalStepError, Journal, Outcome, RunHead, Wait
from cleanup.model import STEPS, Action, Decision, Entry, Instance, State, Verdict
from tests.reports.journals import older

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def head() -> RunHead:
    return RunHead(
        run="20261123-040000-abcd",
        portal="acme.bitrix24.ru",
        rules_file="rules.yaml",
        rules_digest="sha256:00",
        rules_source="version: 1",
        now=NOW.isoformat(),
        created=NOW.isoformat(),
    )


def instance(number: int) -> Instance:
    return Instance(
        id=f"66e412fdc9bd4{number % 10}.{number:08d}",
        template_id=7,
        module="crm",
        entity="CCrmDocumentLead",
        document_id=f"LEAD_{number}",
        started=NOW,
        started_by=1,
        modified=NOW,
        unreadable=frozenset({"owned_until"}),
    )


def selected(rule: str = "old") -> Verdict:
    return Verdict(decision=Decision.SELECTED, rule=rule, action=Action.KILL, reason="why not")


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[Journal]:
    """In the middle of its listing."""
    with Journal.create(tmp_path / "run.sqlite", head()) as created:
        created.plan(((instance(number), selected()) for number in range(5)), "bookmark")
        yield created


@pytest.fixture
def journal(listing: Journal) -> Journal:
    listing.finish_plan(5)
    return listing


def test_a_complete_plan_is_written_no_more(journal: Journal) -> None:
    """A second listing into the same file comes too late."""
    for write in (
        lambda: journal.plan([(instance(9), selected())], "further"),
        lambda: journal.take("old", 1, newest=False),
        lambda: journal.finish_plan(6),
    ):
        with pytest.raises(UsageError, match="complete already"):
            write()
    assert (journal.bookmark(), journal.population(), len(journal.planned("", 10))) == ("bookmark", 5, 5)


def test_requests_of_two_openings_never_share_a_number(journal: Journal) -> None:
    """A terminal that waits at the prompt has the file open while another one applies."""
    with Journal.open(journal.path) as other:
        numbers = [
            opened.claim([entry.id], now=NOW, quiet_at=NOW)
            for opened, entry in zip((journal, other, journal, other), journal.planned("", 4), strict=True)
        ]
    assert len(set(numbers)) == 4


def claim(journal: Journal, *entries: Entry) -> None:
    journal.claim([entry.id for entry in entries], now=NOW, quiet_at=NOW)


def test_a_new_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.sqlite"
    with Journal.create(path, head()) as journal:
        journal.finish_plan(0)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        Journal.create(tmp_path / "mine", head())
    assert (tmp_path / "mine").read_text() == "precious"


def test_an_instance_is_recorded_in_full_before_it_is_touched(journal: Journal) -> None:
    assert [entry.instance for entry in journal.planned("", 10)] == [instance(n) for n in range(5)]


def test_the_bookmark_and_the_page_are_written_together(listing: Journal) -> None:
    with pytest.raises(IllegalStepError):
        listing.plan([(instance(7), selected()), (instance(1), selected())], "further")
    assert listing.bookmark() == "bookmark"
    assert len(listing.planned("", 10)) == 5


def test_a_claim_is_on_disk_before_it_returns(journal: Journal) -> None:
    first = journal.planned("", 1)[0]
    claim(journal, first)
    with Journal.open(journal.path, readonly=True) as other:
        assert other.state_counts() == {State.PLANNED: 4, State.SENT: 1}


def test_what_a_power_cut_takes_was_claimed_and_is_asked_about(journal: Journal, tmp_path: Path) -> None:
    """What is on disk when a claim returns is all that SQLite had written by then; a power cut leaves no less."""
    one, two = journal.planned("", 2)
    claim(journal, one)
    cut = tmp_path / "after.sqlite"
    shutil.copy(journal.path, cut)
    shutil.copy(f"{journal.path}-wal", f"{cut}-wal")
    journal.record([Outcome(one.id, State.KILLED)], now=NOW)
    with Journal.open(cut) as after:
        assert [item.entry.id for item in after.unsettled(9)] == [one.id]
        claim(after, two)  # and it goes on from there
        assert after.state_counts() == {State.PLANNED: 3, State.SENT: 2}


def test_a_claim_waits_for_the_disk_and_a_record_goes_with_the_next(journal: Journal) -> None:
    """SQLite's own word for whether a commit waits for the disk: 2 is FULL; 1 waits only where the file is written."""

    def waits() -> int:
        ((level,),) = journal._all("PRAGMA synchronous")  # noqa: SLF001 - it is a setting of this one connection
        return int(level)

    (first,) = journal.planned("", 1)
    claim(journal, first)
    assert waits() == 2
    journal.record([Outcome(first.id, State.KILLED)], now=NOW)
    assert waits() == 1
    journal.set_state("finished")
    assert waits() == 2


def test_claiming_twice_is_refused_and_changes_nothing(journal: Journal) -> None:
    one, two = journal.planned("", 2)
    claim(journal, one)
    with pytest.raises(IllegalStepError):
        claim(journal, two, one)
    assert journal.state_counts() == {State.PLANNED: 4, State.SENT: 1}


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_the_file_itself_refuses_steps_that_the_table_does_not_have(tmp_path: Path, old: State, new: State) -> None:
    identity = instance(0).id
    with Journal.create(tmp_path / "run.sqlite", head()) as journal:
        journal.plan([(instance(0), selected())], "")
        for step in _way_to(old):
            journal.record([Outcome(identity, step)], now=NOW)
        if new is old or new in STEPS[old]:
            journal.record([Outcome(identity, new)], now=NOW)
            assert journal.state_counts() == {new: 1}
        else:
            with pytest.raises(IllegalStepError):
                journal.record([Outcome(identity, new)], now=NOW)
            assert journal.state_counts() == {old: 1}


def _way_to(state: State) -> list[State]:
    if state is State.PLANNED:
        return []
    return [state] if state in STEPS[State.PLANNED] else [State.SENT, state]


def test_a_refund_leaves_no_blame(journal: Journal) -> None:
    first = journal.planned("", 1)[0]
    claim(journal, first)
    journal.record([Outcome(first.id, State.PLANNED, refund=True, alone=True)], now=NOW)
    again = journal.planned("", 1)[0]
    assert (again.sends, again.alone) == (0, True)


def test_take_keeps_the_oldest_and_counts_the_others_as_kept(listing: Journal) -> None:
    listing.take("old", 2, newest=False)
    assert listing.state_counts() == {State.PLANNED: 2}
    assert {(count.decision, count.count) for count in listing.tally()} == {(Decision.SELECTED, 2), (Decision.KEPT, 3)}


def batch(journal: Journal, *entries: Entry, ended: int = 0) -> Batch:
    number = journal.claim([entry.id for entry in entries], now=NOW, quiet_at=NOW)
    answered = NOW + timedelta(seconds=2)
    return Batch(request=number, began=NOW, answered=answered, entries=len(entries), ended=ended, size=50, seconds=2.0)


def test_a_batch_is_written_with_its_outcomes_or_not_at_all(journal: Journal) -> None:
    one, two = journal.planned("", 2)
    sent = batch(journal, one, two, ended=1)
    with pytest.raises(IllegalStepError):
        journal.record([Outcome(one.id, State.KILLED), Outcome("unknown", State.KILLED)], now=NOW, batch=sent)
    assert journal.batches() == []
    journal.record([Outcome(one.id, State.KILLED)], now=NOW, batch=sent)
    assert journal.batches() == [sent]


def test_waits_that_follow_on_each_other_are_one(journal: Journal) -> None:
    def wait(reason: str, first: float, last: float) -> Wait:
        return Wait(reason, NOW + timedelta(seconds=first), NOW + timedelta(seconds=last))

    journal.begin_session("apply", NOW)
    journal.save_usage(journal.usage(), [wait("rate", 0, 1), wait("operating", 0.5, 1)])
    journal.save_usage(journal.usage(), [wait("rate", 1.05, 2), wait("operating", 3, 4)])
    assert journal.waits() == [wait("rate", 0, 2), wait("operating", 0.5, 1), wait("operating", 3, 4)]


def test_a_journal_of_the_first_form_is_read_as_it_is_and_renewed_when_written(
    journal: Journal, tmp_path: Path
) -> None:
    path = older(journal, tmp_path / "old.sqlite")
    with Journal.open(path, readonly=True) as old:
        assert (old.batches(), old.waits(), len(old.planned("", 10))) == ([], [], 5)
    with Journal.open(path) as renewed:
        sent = batch(renewed, *renewed.planned("", 3))
        renewed.record((), now=NOW, batch=sent)
    with Journal.open(path, readonly=True) as again:
        assert again.batches() == [sent]


def test_a_journal_of_a_later_form_is_refused(journal: Journal) -> None:
    journal.close()
    with sqlite3.connect(journal.path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(UsageError, match="format 99"):
        Journal.open(journal.path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not a checkpoint", id="empty file"),
        pytest.param(b"hello, I am no database" * 100, "damaged", id="no database"),
        pytest.param(None, "not a checkpoint", id="another program's database"),
    ],
)
def test_a_foreign_file_is_refused_with_one_clear_message(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "foreign"
    if content is None:
        with sqlite3.connect(path) as raw:
            raw.execute("CREATE TABLE entry (id)")
        raw.close()
    else:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Journal.open(path)


def test_a_truncated_journal_is_refused(listing: Journal) -> None:
    path = listing.path
    listing.plan([(instance(number), selected()) for number in range(10, 2000)], "end")
    listing.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="damaged"):
        Journal.open(path)


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(State)), max_size=40))
def test_no_history_of_steps_loses_or_doubles_an_entry(steps: list[tuple[int, State]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(Path(folder) / "run.sqlite", head()) as journal,
    ):
        journal.plan(((instance(number), selected()) for number in range(5)), "")
        for number, state in steps:
            try:
                journal.record([Outcome(instance(number).id, state)], now=NOW)
            except IllegalStepError:
                continue
        assert sum(journal.state_counts().values()) == 5


def test_a_process_that_ends_while_it_makes_a_journal_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """kill -9 right before the file gets its name."""
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "sys.addaudithook(lambda event, _: os.kill(os.getpid(), signal.SIGKILL) if event == 'os.link' else None)\n"
        "from cleanup.journal import Journal; from tests.test_journal import head\n"
        "Journal.create(Path(sys.argv[1]), head())\n"
    )
    path = tmp_path / "run.sqlite"
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    with Journal.create(path, head()) as made:
        assert made.state() == "listing"
