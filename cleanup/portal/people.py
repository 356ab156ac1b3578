"""Users and the tasks that wait for them (PORTAL.md 9), as far as an administrator's webhook is told. Only reads.

Filters are for speed: every row is judged here, since the portal drops a filter that it does not know.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cleanup.portal import wire
from cleanup.portal.client import Reader, value_of
from cleanup.portal.errors import AnswerLost
from cleanup.portal.wire import Call, CallAnswer, Json, Parameter

TASKS = "bizproc.task.list"
USERS = "user.get"
#: Instances asked about in one call: their tasks should fit its page.
_INSTANCES_AT_ONCE = 25
#: Each is asked for among the active and among the dismissed.
_USERS_AT_ONCE = wire.PAGE_SIZE * wire.BATCH_LIMIT // 2
_RUNNING = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One user whose answer a running task of an instance waits for."""

    task: int
    instance: str
    user: int


async def all_parts(reader: Reader) -> AsyncIterator[list[Part]]:
    """Every unanswered part of every running task, by task; a part may come twice. Raises PortalError."""
    async for parts in _walk(reader, {}):
        yield parts


async def parts_of(reader: Reader, instances: Sequence[str]) -> list[Part]:
    """The unanswered parts of the running tasks of these instances."""
    found: list[Part] = []
    groups = [instances[at : at + _INSTANCES_AT_ONCE] for at in range(0, len(instances), _INSTANCES_AT_ONCE)]
    for at in range(0, len(groups), wire.BATCH_LIMIT):
        some = groups[at : at + wire.BATCH_LIMIT]
        answers = await reader.ask([_page(0, _of(group)) for group in some])
        for group, answer in zip(some, answers, strict=True):
            page = _rows(answer, reader.portal)
            if not page.full:
                found += page.parts
                continue
            async for parts in _walk(reader, _of(group)):
                found += parts
    asked = set(instances)
    return [part for part in found if part.instance in asked]


def _of(instances: Sequence[str]) -> dict[str, Parameter]:
    return {"WORKFLOW_ID": list(instances)}


@dataclass(frozen=True, slots=True)
class _Page:
    """Task numbers of all rows, and what of them is running and unanswered."""

    tasks: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def full(self) -> bool:
        return len(self.tasks) >= wire.PAGE_SIZE


async def _walk(reader: Reader, where: Mapping[str, Parameter]) -> AsyncIterator[list[Part]]:
    """All parts of the tasks that fit, by the number of the task.

    A task has a row for each of its users, so a page may end within a task: the next one begins with the same task, not
    behind it. Paging by `start` would not do: behind its end this list begins again (PORTAL.md 2).
    """
    least, at_once = 1, wire.BATCH_LIMIT
    while True:
        answers = await reader.ask([_link(least, index, where) for index in range(at_once)])
        pages = _trusted(answers, least, reader.portal)
        yield [part for page in pages for part in page.parts]
        last = pages[-1]
        if not last.tasks:
            return
        if last.full and last.tasks[0] == last.tasks[-1]:
            yield await _crowd(reader, last.tasks[-1], where)
        whole = not last.full or last.tasks[0] == last.tasks[-1]
        least, at_once = last.tasks[-1] + whole, wire.BATCH_LIMIT if last.full else 1


def _link(least: int, index: int, where: Mapping[str, Parameter]) -> Call:
    after = least if index == 0 else wire.reference(index - 1, str(wire.PAGE_SIZE - 1), "ID")
    return _page(after, where)


def _page(least: int | str, where: Mapping[str, Parameter], start: int = -1) -> Call:
    return Call(
        TASKS,
        {
            "SELECT": ["ID", "WORKFLOW_ID", "USER_ID", "STATUS", "USER_STATUS"],
            "ORDER": {"ID": "ASC", "USER_ID": "ASC"},
            "FILTER": {**where, "STATUS": _RUNNING, "USER_STATUS": _RUNNING, ">=ID": least},
            "start": start,
        },
    )


def _trusted(answers: Sequence[CallAnswer], least: int, portal: str) -> list[_Page]:
    """The pages as far as the chain can be trusted: task numbers go up, and each page but the last is full."""
    pages: list[_Page] = []
    for index, answer in enumerate(answers):
        if index and not answer.succeeded:
            break
        page = _rows(answer, portal)
        if list(page.tasks) != sorted(page.tasks) or (page.tasks and page.tasks[0] < least):
            if index:
                break
            raise AnswerLost(f"{portal} ignored the order or filter of {TASKS}; such a list cannot be relied on.")
        pages.append(page)
        if not page.full or page.tasks[0] == page.tasks[-1]:
            break
        least = page.tasks[-1]
    return pages


async def _crowd(reader: Reader, task: int, where: Mapping[str, Parameter]) -> list[Part]:
    """The parts of one task that has more users than a page has rows. Raises AnswerLost where some do not come."""
    only: dict[str, Parameter] = {**where, "<=ID": task}
    answers = await reader.ask([_page(task, only, index * wire.PAGE_SIZE) for index in range(wire.BATCH_LIMIT)])
    parts = {part for answer in answers for part in _rows(answer, reader.portal).parts if part.task == task}
    if answers[0].total is None or len(parts) < answers[0].total:
        raise AnswerLost(f"{reader.portal} did not tell all users of task {task} in {TASKS}.")
    return sorted(parts, key=lambda part: part.user)


def _rows(answer: CallAnswer, portal: str) -> _Page:
    value = value_of(answer, TASKS, portal)
    if not isinstance(value, list):
        raise AnswerLost(f"{portal} answered {TASKS} with something that is not a list of tasks.")
    rows = [_part(row, portal) for row in value]
    return _Page(tuple(part.task for part, _ in rows), tuple(part for part, waits in rows if waits))


def _part(row: Json, portal: str) -> tuple[Part, bool]:
    """A row, and whether its task is running and its user has not answered."""
    fields = row if isinstance(row, dict) else {}
    numbers = [wire.whole(fields.get(name)) for name in ("ID", "USER_ID", "STATUS", "USER_STATUS")]
    task, user, status, user_status = numbers
    instance = fields.get("WORKFLOW_ID")
    if task is None or user is None or status is None or user_status is None or not isinstance(instance, str):
        raise AnswerLost(f"{portal} answered {TASKS} in an unknown shape: a task lacks a field that was asked for.")
    return Part(task, instance, user), status == user_status == _RUNNING


async def at_work(reader: Reader, users: Iterable[int]) -> dict[int, bool]:
    """By user whether he is active or dismissed; those whom the portal does not tell are left out: bots, guests."""
    found: dict[int, bool] = {}
    wanted = sorted(set(users))
    for at in range(0, len(wanted), _USERS_AT_ONCE):
        found.update(await _some_at_work(reader, wanted[at : at + _USERS_AT_ONCE]))
    return found


async def _some_at_work(reader: Reader, users: Sequence[int]) -> dict[int, bool]:
    groups = [users[at : at + wire.PAGE_SIZE] for at in range(0, len(users), wire.PAGE_SIZE)]
    asked = [(group, active) for group in groups for active in (True, False)]
    answers = await reader.ask([_users_call(group, active=active) for group, active in asked])
    told: dict[int, set[bool]] = {}
    for (group, _), answer in zip(asked, answers, strict=True):
        for user, is_active in _users(answer, group, reader.portal):
            told.setdefault(user, set()).add(is_active)
    return {user: is_active for user, truths in told.items() if len(truths) == 1 for is_active in truths}


def _users_call(users: Sequence[int], *, active: bool) -> Call:
    where: dict[str, Parameter] = {"ID": list(users), "ACTIVE": int(active)}
    return Call(USERS, {"FILTER": where, "SELECT": ["ID", "ACTIVE"], "start": 0})


def _users(answer: CallAnswer, asked: Sequence[int], portal: str) -> list[tuple[int, bool]]:
    value = value_of(answer, USERS, portal)
    if not isinstance(value, list):
        raise AnswerLost(f"{portal} answered {USERS} with something that is not a list of users.")
    rows = [row for row in value if isinstance(row, dict)]
    found = [(wire.whole(row.get("ID")), row.get("ACTIVE")) for row in rows]
    if any(user not in asked for user, _ in found):
        raise AnswerLost(f"{portal} ignored the filter by ID of {USERS}; its answer cannot be relied on.")
    return [(user, active) for user, active in found if user is not None and isinstance(active, bool)]
