"""Any JSON in any place of an answer gives values or our error, never another exception.

Each text that comes out of it can be written to the journal and to a terminal.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any, cast

import anyio
import pytest
import stamina
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanup.apply.outcomes import answered
from cleanup.config import Pace
from cleanup.errors import CleanupError
from cleanup.journal import Journal
from cleanup.limits import BatchSize, Concurrency, OperatingBudget
from cleanup.model import Action, Decision, Entry, Instance, Verdict
from cleanup.portal import auth, transport, wire
from cleanup.portal.client import Ender, Ending, Reader
from cleanup.portal.connect import connect
from cleanup.portal.line import Line
from cleanup.portal.pacing import Pacer
from cleanup.portal.transport import Reply
from cleanup.portal.wire import WireError
from tests.strange_portal import strange
from tests.test_journal import head

EXAMPLES = 300
KEYS = ("c00", "c01", "c02", "c49", "0", "result", "error", "ID", "NAME", "time", "operating", "ADMIN", "LICENSE")
LARGE = st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, -1e308, float("inf"), float("nan"), 1e-320])
TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "\ud800",
        "\x00",
        "66e412fdc9bd44.36306599",
        "\x1b[2J",
        "9" * 40,
        "-",
        "٣",
        "1e5",
        "nan",
        "inf",
        "2024-09-13T10:25:01+03:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2024-02-30T00:00:00+00:00",
        "OPERATION_TIME_LIMIT",
        "QUERY_LIMIT_EXCEEDED",
        "ERROR_CORE",
        "ACCESS_DENIED",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | LARGE | TEXTS
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELD = TEXTS | LARGE | ANY
ROW = st.fixed_dictionaries({"ID": FIELD}, optional=dict.fromkeys((*wire.FIELDS[1:], "NAME"), FIELD))
TIME = ANY | st.fixed_dictionaries({}, optional=dict.fromkeys(("operating", "operating_reset_at", "finish"), ANY))
ERROR = ANY | st.fixed_dictionaries({}, optional=dict.fromkeys(("error", "error_description", "code", "message"), ANY))
VALUE = ANY | st.lists(ROW | ANY, max_size=3)


def by_key(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A map of a batch as PHP prints it, or something else."""
    return ANY | st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)


MAPS = st.fixed_dictionaries(
    {},
    optional={
        "result": by_key(VALUE),
        "result_error": by_key(ERROR),
        "result_total": by_key(ANY),
        "result_next": by_key(ANY),
        "result_time": by_key(TIME),
    },
)
ENVELOPE = (
    ANY
    | ERROR
    | st.fixed_dictionaries({}, optional={"result": MAPS | ANY, "time": TIME, "total": ANY, "next": ANY, "error": ANY})
)
STATUS = st.sampled_from([200, 200, 200, 200, 301, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504])
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Reader, "patience", (1, 1.0))
    stamina.set_testing(True, attempts=1)
    yield
    stamina.set_testing(False)


def through_json(value: Any) -> Any:
    """As it comes out of the parser."""
    return transport._reply(200, json.dumps(value).encode()).document  # noqa: SLF001 - the border itself


def storable(*texts: str | None) -> None:
    for text in texts:
        (text or "").encode()
        assert len(text or "") < 10_000


class Answers:
    """A transport on which the portal says what it is told to."""

    portal = "acme.bitrix24.ru"
    authorization = auth.parse("https://acme.bitrix24.ru/rest/1/abcdefabcdef/")

    def __init__(self, status: int, document: Any) -> None:
        self._reply = Reply(status, document, is_json=True)

    def redact(self, text: str) -> str:
        return text

    async def post(self, method: str, body: Any) -> Reply:
        json.dumps(body)
        return self._reply


def line(status: int, document: Any) -> Line:
    pacer = Pacer(
        bucket=None,
        budget=OperatingBudget(limit=480, share=0.9),
        size=BatchSize(target=10, largest=50),
        concurrency=Concurrency(),
    )
    return Line(cast("Any", Answers(status, document)), pacer)


@many
@given(ANY | ROW | ERROR | TIME | VALUE)
def test_every_reader_of_the_wire(value: Any) -> None:
    value = through_json(value)
    read: list[Callable[[Any], Any]] = [
        wire.error_in,
        wire.call_answer,
        lambda document: wire.batch_answers(document, 50),
        wire.meter,
        wire.instances,
        wire.instance,
        wire.moment,
        wire.template,
    ]
    for reader in read:
        with suppress(WireError):
            reader(value)


@many
@given(ROW, TEXTS, LARGE | st.integers())
def test_every_instance_that_can_be_read_can_be_planned(row: Any, as_instance: Any, as_template: Any) -> None:
    try:
        found = wire.instance(through_json(row | {"ID": as_instance}))
        number, name = wire.template(through_json(row | {"ID": as_template}))
    except WireError:
        return
    storable(found.id, found.module, found.entity, found.document_id, name)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("SELECT ?, ?, ?", (found.template_id, found.started_by, number))


@many
@given(STATUS, ENVELOPE)
async def test_whatever_a_batch_of_kills_is_answered(status: int, document: Any) -> None:
    ender = Ender(line(status, through_json(document)))
    endings = [Ending(f"id{number}", Action.KILL) for number in range(3)]
    permit, _ = await ender.permit(3)
    try:
        answers = await ender.end(endings, permit)
    except CleanupError as error:
        storable(str(error))
        return
    assert len(answers) == 3
    for answer in answers:
        entry = Entry(instance=Instance(id="a"), rule="r", action=Action.KILL, reason="")
        storable(answered(entry, answer).error)


@many
@given(STATUS, ENVELOPE)
async def test_whatever_a_question_is_answered(status: int, document: Any) -> None:
    """Probe, templates, pages, look-ups and counts."""
    told = through_json(document)
    for ask in (
        lambda reader: reader.probe(),
        lambda reader: reader.templates(),
        lambda reader: reader.pages("5e0b0000000001.00000000"),
        lambda reader: reader.look_up(["5e0b0000000001.00000000", "x"]),
        lambda reader: reader.count_around("", datetime.now(UTC)),
    ):
        reader = Reader(line(status, told), lambda: datetime.now(UTC))
        try:
            await _patiently(ask(reader))
        except CleanupError as error:
            storable(str(error))


async def _patiently(question: Any) -> None:
    """A limit that is told by the answer is waited for; that is not what these tests are about."""
    with anyio.move_on_after(0.02):
        await question


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(STATUS, ENVELOPE)
async def test_the_same_over_a_real_socket(status: int, document: Any) -> None:
    body = json.dumps(document).encode()
    async with strange(
        whole=lambda _: web.Response(status=status, body=body, content_type="application/json")
    ) as portal:
        webhook = auth.parse(portal.webhook)
        try:
            await _patiently(_probe(webhook))
        except CleanupError as error:
            storable(str(error))


async def _probe(webhook: auth.Webhook) -> None:
    async with connect(webhook, Pace(), memory=None, clock=lambda: datetime.now(UTC)) as connection:
        assert connection.probe is not None


@pytest.mark.parametrize("depth", [50, 500, 900, 990, 5_000, 200_000])
@pytest.mark.parametrize("place", ["%s", '{"error": %s}', '{"result": {"result_error": {"c00": %s}, "result": []}}'])
async def test_an_answer_however_deep_is_our_error(depth: int, place: str) -> None:
    body = (place % ("[" * depth + "]" * depth)).encode()
    reply = transport._reply(200, body)  # noqa: SLF001 - the border itself
    ender = Ender(line(200, reply.document))
    permit, _ = await ender.permit(1)
    try:
        for answer in await ender.end([Ending("a", Action.KILL)], permit):
            storable(str(answer.error))
    except CleanupError as error:
        storable(str(error))


async def test_an_answer_that_never_ends_is_not_read_on() -> None:
    """32 MiB is more than 50 pages of 50 rows ever take."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(80):
            await response.write(b" " * 2**20)
        return response

    async with strange() as portal:
        portal.whole = endless  # type: ignore[assignment] # a coroutine, which the portal awaits below
        webhook = auth.parse(portal.webhook)
        with pytest.raises(CleanupError, match="MiB"):
            async with connect(webhook, Pace(), memory=None, clock=lambda: datetime.now(UTC)):
                pass


def test_a_planned_page_of_strange_texts_is_written(tmp_path: Any) -> None:
    row = {"ID": "a", "MODULE_ID": "\ud800", "ENTITY": "\x00", "DOCUMENT_ID": "\x1b[2J", "TEMPLATE_ID": 2**70}
    found = wire.instance(through_json(row))
    with Journal.create(tmp_path / "run.sqlite", head()) as journal:
        verdict = Verdict(decision=Decision.SELECTED, rule="r", action=Action.KILL)
        journal.plan([(found, verdict)], "a")
        journal.save_templates(dict([wire.template(through_json({"ID": "7", "NAME": "\udfff"}))]))
        assert journal.entry("a") is not None
