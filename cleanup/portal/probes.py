"""The questions of `check`: one batch of reading methods, and what its answers tell. Nothing is judged here.

Sources: PORTAL.md 2 (generation G1), 3.2 (G3), 4.2 (load limiter), 5 (dates), 11 (who we are).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import anyio

from cleanup.portal import wire
from cleanup.portal.errors import AnswerLost, Crashed, Misdirected, RateLimited, Unreachable, Untrusted
from cleanup.portal.line import Line, is_operation_limit
from cleanup.portal.methods import BATCH, INSTANCES, METHOD_OF, TEMPLATES
from cleanup.portal.told import Answers, Availability, Counters, Dates, Generation, Limiter
from cleanup.portal.trusted import is_sql_error
from cleanup.portal.wire import Call, CallAnswer, Json
from cleanup.words import in_brief

#: What a run needs.
NEEDED = (INSTANCES, *METHOD_OF.values(), TEMPLATES)
#: Seconds to wait before each further try. A doctor does not try for long.
_PAUSES = (0.5, 1.5)
_NOBODY = "no-such-instance"


async def examine(line: Line, clock: Callable[[], datetime]) -> Answers:
    """Asks everything in one batch. Raises PortalError when the portal gives no answer to any of it."""
    calls = _calls()
    try:
        answers, refused, failed = await _ask(line, [*calls.values()])
    except Crashed:
        # PORTAL.md 3.1: where nothing runs a reference is a whole list, and a list for a date may break the request.
        del calls["dated"]
        answers, refused, failed = await _ask(line, [*calls.values()])
    local = clock()
    told = dict(zip(calls, answers, strict=True))
    profile, listed = told["profile"].value, told["listed"]
    return Answers(
        user=in_brief(wire.text(_get(profile, "ID"))),
        name=_name(profile),
        administrator=_administrator(profile, told["administrator"].value),
        scopes=_scopes(told["scope"].value),
        licence=in_brief(wire.text(_get(told["application"].value, "LICENSE"))) or None,
        methods={method: _availability(told[method].value) for method in NEEDED},
        counters=_counters(line.outer, calls, told),
        refused=refused,
        failed=failed,
        ahead=_ahead(told["time"].value, local, line.round_trip),
        dates=_dates(profile, told["time"].value, listed, told.get("dated", CallAnswer())),
        generation=_generation(told["generation"], listed),
        population=listed.total if listed.succeeded else None,
        refusal=listed.error,
        questions=len(calls),
        round_trip=line.round_trip,
        moved_to=line.moved_to,
    )


def _calls() -> dict[str, Call]:
    """By a name for each; the references need the places of the calls before."""
    calls = {
        "profile": Call("profile", {}),
        "administrator": Call("user.admin", {}),
        "application": Call("app.info", {}),
        "scope": Call("scope", {}),
        **{method: Call("method.get", {"name": method}) for method in NEEDED},
        "time": Call("server.time", {}),
        "listed": Call(INSTANCES, {"SELECT": ["ID", "MODIFIED"], "ORDER": {"ID": "ASC"}, "start": 0}),
    }
    first = len(calls) - 1
    identity, modified = (wire.reference(first, "0", name) for name in ("ID", "MODIFIED"))
    # The range of IDs is exact in every generation, and keeps the rest on the primary key (PORTAL.md 3.2, 6).
    same = {">=ID": identity, "<=ID": identity, ">=MODIFIED": modified, "<=MODIFIED": modified}
    calls["dated"] = Call(INSTANCES, {"SELECT": ["ID"], "ORDER": {"ID": "ASC"}, "FILTER": same, "start": 0})
    # Only G3 knows `=`, so only there nobody is found; G1 knows no negative start.
    nobody = {"=ID": _NOBODY}
    calls["generation"] = Call(INSTANCES, {"SELECT": ["ID"], "ORDER": {"ID": "ASC"}, "FILTER": nobody, "start": -1})
    return calls


async def _ask(line: Line, calls: Sequence[Call]) -> tuple[list[CallAnswer], int, int]:
    """The answers, how often the portal refused before it answered, and how often no answer came."""
    units = {BATCH: line.pacer.in_kills(len(calls))}
    refused = failed = 0
    for pause in (*_PAUSES, None):
        permit = await line.pacer.permit(units, least=1e-9, guessed={BATCH})
        permit.use(units)
        try:
            answers = await line.batch(calls, permit)
            return _usable(answers, line.portal, last=pause is None), refused, failed
        except RateLimited:
            if pause is None:
                raise
            refused += 1  # the pacer knows, and waits before the next permit
        except (AnswerLost, Unreachable) as error:
            if pause is None or isinstance(error, Crashed | Misdirected | Untrusted):
                raise
            failed += 1
            await anyio.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _usable(answers: list[CallAnswer], portal: str, *, last: bool) -> list[CallAnswer]:
    """Raises AnswerLost for a batch that is not whole; the last one need only have something."""
    if not (any if last else all)(answer.answered for answer in answers):
        raise AnswerLost(f"{portal} left a part of a batch of {len(answers)} unanswered.")
    return answers


def _get(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


def _name(profile: Json) -> str:
    parts = (wire.text(_get(profile, key)).strip() for key in ("NAME", "LAST_NAME"))
    return in_brief(" ".join(filter(None, parts)))


def _administrator(profile: Json, asked: Json) -> bool | None:
    told = (value for value in (_get(profile, "ADMIN"), asked) if isinstance(value, bool))
    return next(told, None)


def _scopes(value: Json) -> frozenset[str] | None:
    return frozenset(in_brief(wire.text(name)) for name in value) if isinstance(value, list) else None


def _availability(value: Json) -> Availability:
    exists, available = (_get(value, key) for key in ("isExisting", "isAvailable"))
    return Availability(*(told if isinstance(told, bool) else None for told in (exists, available)))


def _ahead(value: Json, local: datetime, round_trip: float) -> float | None:
    now = wire.moment(value)
    return None if now is None else (now - local).total_seconds() + round_trip / 2


def _counters(outer: CallAnswer, calls: Mapping[str, Call], told: Mapping[str, CallAnswer]) -> Counters:
    inside: dict[str, float] = {}
    for key, answer in told.items():
        if answer.meter is not None and answer.meter.operating > 0:
            inside[calls[key].method] = answer.meter.operating
    shown = outer.meter is not None or any(answer.meter for answer in told.values())
    return Counters(
        limiter=Limiter.COUNTS if shown else Limiter.HIDDEN if outer.hides_meter else Limiter.ABSENT,
        batch=outer.meter.operating if outer.meter else 0.0,
        inside=inside,
        blocked=frozenset(calls[key].method for key, answer in told.items() if is_operation_limit(answer.error)),
    )


def _dates(profile: Json, time: Json, listed: CallAnswer, dated: CallAnswer) -> Dates:
    now = _aware(time)
    return Dates(
        server=now.utcoffset() if now else None,
        owner_ahead=_owner_ahead(profile, now),
        shifted=_shifted(listed, dated),
    )


def _aware(value: Json) -> datetime | None:
    """The portal's time with its own offset."""
    return datetime.fromisoformat(value) if isinstance(value, str) and wire.moment(value) else None


def _owner_ahead(profile: Json, now: datetime | None) -> timedelta | None:
    """From the seconds that G1 tells, or from the zone's name; no name is the server's zone (PORTAL.md 11)."""
    seconds, zone = _get(profile, "TIME_ZONE_OFFSET"), _get(profile, "TIME_ZONE")
    if isinstance(seconds, int) and abs(seconds) <= 86400:
        return timedelta(seconds=seconds)
    if zone == "":
        return timedelta(0)
    if now is None or not isinstance(zone, str):
        return None
    try:
        there = now.astimezone(ZoneInfo(zone)).utcoffset()
    except (KeyError, ValueError, OSError):  # no such zone, or none that this machine knows
        return None
    server = now.utcoffset()
    return None if there is None or server is None else there - server


def _shifted(listed: CallAnswer, dated: CallAnswer) -> bool | None:
    """PORTAL.md 5: an instance that is not found under its own MODIFIED was asked for at another time."""
    rows = listed.value if listed.succeeded and isinstance(listed.value, list) else []
    dates = [wire.moment(_get(row, "MODIFIED")) for row in rows]
    if not dates or dates[0] is None or not isinstance(dated.value, list):
        return None
    return not dated.value


def _generation(answer: CallAnswer, listed: CallAnswer) -> Generation | None:
    if is_sql_error(answer.error):
        return Generation.G1
    if not answer.succeeded or not isinstance(answer.value, list):
        return None
    if answer.value:
        return Generation.G2  # it dropped the filter
    return Generation.G3 if listed.value else None  # where nothing runs, nobody can be told from no filter
