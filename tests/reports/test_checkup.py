"""What an examination means, whatever was told: a line for each name, and something to do where one is not ok."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cleanup.errors import ExitCode
from cleanup.portal.probes import NEEDED
from cleanup.portal.reaching import Certificate, Way
from cleanup.portal.told import Answers, Availability, Counters, Dates, Generation, Limiter
from cleanup.portal.wire import CallError
from cleanup.reports.checkup import Access, Examination, Level, failure_of, judged
from cleanup.reports.checkup.shown import as_json

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
maybe = st.sampled_from([None, True, False])
seconds = st.floats(0, 1000)
hours = st.none() | st.floats(-14, 14).map(lambda hours: timedelta(hours=hours))
certificates = st.integers(-3, 900).map(lambda days: Certificate("An authority", NOW + timedelta(days=days), "TLSv1.3"))
ways = st.builds(Way, proxy=st.sampled_from(["", "proxy:3128"]), certificate=st.none() | certificates)
counters = st.builds(
    Counters,
    limiter=st.sampled_from(Limiter),
    batch=st.just(0.0) | seconds,
    inside=st.dictionaries(st.sampled_from(NEEDED), st.floats(0.001, 1000)),
    blocked=st.frozensets(st.sampled_from(NEEDED), max_size=1),
)
answers = st.builds(
    Answers,
    user=st.sampled_from(["", "7"]),
    name=st.sampled_from(["", "Anna"]),
    administrator=maybe,
    scopes=st.none() | st.frozensets(st.sampled_from(["bizproc", "user", "crm"])),
    licence=st.sampled_from([None, "ru_std", "ru_ent250", "ru_selfhosted", "project"]),
    methods=st.fixed_dictionaries({method: st.builds(Availability, maybe, maybe) for method in NEEDED}),
    counters=counters,
    refused=st.integers(0, 2),
    failed=st.integers(0, 2),
    ahead=st.none() | st.floats(-1e9, 1e9),
    dates=st.builds(Dates, server=hours, owner_ahead=hours, shifted=maybe),
    generation=st.none() | st.sampled_from(Generation),
    population=st.none() | st.integers(0, 10**6),
    refusal=st.sampled_from(
        [None, CallError("ACCESS_DENIED", "Access denied!"), CallError("OPERATION_TIME_LIMIT", ""), CallError("", "")]
    ),
    questions=st.just(12),
    round_trip=seconds,
    moved_to=st.sampled_from([None, "new.bitrix24.ru"]),
)
examinations = st.builds(
    Examination,
    portal=st.just("acme.bitrix24.ru"),
    access=st.just(Access(kind="incoming webhook of user 7", source="B24_WEBHOOK_URL")),
    at=st.just(NOW),
    way=ways,
    answers=answers,
    failure=st.none(),
)


@given(examinations)
def test_every_name_has_one_line_and_what_is_not_ok_has_something_to_do(found: Examination) -> None:
    lines = judged(found)
    assert len({line.name for line in lines}) == len(lines) == 14
    assert all(line.advice for line in lines if line.level is not Level.OK)
    assert all(line.text and "None" not in line.text and "\n" not in line.text for line in lines)


@given(examinations)
def test_the_exit_code_is_that_of_the_first_fault_and_warnings_are_none(found: Examination) -> None:
    lines = judged(found)
    faults = [line for line in lines if line.level is Level.FAULT]
    error = failure_of(lines, found)
    assert (error is None) == (not faults)
    assert as_json(lines, found)["exit"] == (int(faults[0].exit_code) if faults else 0)
    if error is not None:
        assert faults[0].text in str(error)
        assert error.exit_code in {ExitCode.ACCESS, ExitCode.STOPPED_EARLY}


@given(examinations)
def test_a_webhook_without_rights_is_never_called_fit(found: Examination) -> None:
    answers = found.answers
    assert answers is not None
    lacking = answers.administrator is False or (answers.scopes is not None and "bizproc" not in answers.scopes)
    lacking = lacking or any(False in (method.exists, method.available) for method in answers.methods.values())
    if lacking:
        error = failure_of(judged(found), found)
        assert error is not None
        assert error.exit_code is ExitCode.ACCESS
