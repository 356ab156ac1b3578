"""Users and the tasks that wait for them (PORTAL.md 9), as far as an administrator's webhook is told. Only reads.

Filters are for speed: every row is judged here, since the portal drops a filter that it does not know.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cleanup.portal import wire
from cleanup.portal.client import Reader
from cleanup.portal.errors import AnswerLost
from cleanup.portal.wire import Call, CallAnswer, Json, Parameter

TASKS = "bizproc.task.list"
USERS = "user.get"
#: Instances asked about in one call: their tasks should fit its page.
_INSTANCES_AT_ONCE = 25
#: Each is asked for among the active and among the dismissed.
_USERS_AT_ONCE = wire.PAGE_SIZE * wire.BATCH_LIMIT // 2
_RUNNING = 0
#: How often some instances' tasks are asked for until as many came as the portal counts: somebody may just answer one.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One user's part in a task of an instance. `waits`: the task is running and waits for his answer."""

    task: int
    instance: str
    user: int
    waits: bool = True


async def all_parts(reader: Reader) -> AsyncIterator[list[Part]]:
    """Every unanswered part of every running task, by task; a part may come twice. Raises PortalError."""
    async for parts in _walk(reader, {}):
        yield [part for part in parts if part.waits]


async def parts_of(reader: Reader, instances: Sequence[str]) -> list[Part]:
    """The unanswered parts of the running tasks of these instances, each as often as the portal counts them.

    Raises AnswerLost where some do not come: one that is missing may be the one that an active user can answer.
    """
    found: list[Part] = []
    groups = [instances[at : at + _INSTANCES_AT_ONCE] for at in range(0, len(instances), _INSTANCES_AT_ONCE)]
    for at in range(0, len(groups), wire.BATCH_LIMIT):
        some = groups[at : at + wire.BATCH_LIMIT]
        answers = await reader.ask([_page(1, _of(group), start=0) for group in some])
        for group, answer in zip(some, answers, strict=True):
            page = _rows(answer, reader)
            found += page.parts if answer.total == len(page.parts) else await _counted(reader, group)
    asked = set(instances)
    return [part for part in found if part.waits and part.instance in asked]


def _of(instances: Sequence[str]) -> dict[str, Parameter]:
    return {"WORKFLOW_ID": list(instances)}


async def _counted(reader: Reader, instances: Sequence[str]) -> set[Part]:
    """All parts of more tasks than a page has, or of a page that is not what the portal counts."""
    where = _of(instances)
    for _ in range(_TRIES):
        (first,) = await reader.ask([_page(1, where, start=0)])
        found = {part async for parts in _walk(reader, where) for part in parts}
        if first.total is not None and len(found) >= first.total:
            return found
    raise AnswerLost(f"{reader.portal} did not tell all tasks of {len(instances)} instances in {TASKS}.")


@dataclass(frozen=True, slots=True)
class _Page:
    """The rows of one answer, in the order of their tasks."""

    parts: tuple[Part, ...]

    @property
    def tasks(self) -> list[int]:
        return [part.task for part in self.parts]

    @property
    def full(self) -> bool:
        return len(self.parts) >= wire.PAGE_SIZE

    @property
    def of_one_task(self) -> bool:
        return len({part.task for part in self.parts}) == 1


async def _walk(reader: Reader, where: Mapping[str, Parameter]) -> AsyncIterator[list[Part]]:
    """All parts of the tasks that fit, by the number of the task; some twice.

    A task has a row for each of its users, so a page may end within a task: the next one begins with the same task, not
    behind it. Paging by `start` would not do: behind its end this list begins again (PORTAL.md 2). A short page alone
    is not taken for the end, nor for the whole of its last task: both are asked for once more.
    """
    least, at_once = 1, wire.BATCH_LIMIT
    while True:
        answers = await reader.ask([_link(least, index, where) for index in range(at_once)])
        pages = _trusted(answers, least, reader)
        yield [part for page in pages for part in page.parts]
        last = pages[-1]
        if not last.parts:
            return
        least, at_once = last.tasks[-1], wire.BATCH_LIMIT
        if last.full and last.of_one_task:
            yield await _crowd(reader, least, where)
            least += 1
        elif not last.full:
            again, behind = await _once_more(reader, least, where)
            yield [*again.parts, *behind.parts]
            if not again.full and not behind.parts:
                return
            least, at_once = least + (again.of_one_task and not again.full), 1


async def _once_more(reader: Reader, task: int, where: Mapping[str, Parameter]) -> tuple[_Page, _Page]:
    """What begins with a task, and what begins behind it."""
    again, behind = await reader.ask([_page(task, where), _page(task + 1, where)])
    return _trusted([again], task, reader)[0], _trusted([behind], task + 1, reader)[0]


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


def _trusted(answers: Sequence[CallAnswer], least: int, reader: Reader) -> list[_Page]:
    """The pages as far as the chain can be trusted: task numbers go up, each page but the last is full, and each but
    the first begins with the task that the one before it ends with.
    """
    pages: list[_Page] = []
    for index, answer in enumerate(answers):
        if index and not answer.succeeded:
            break
        page = _rows(answer, reader)
        if index and page.tasks[:1] != [least]:
            break
        if page.tasks != sorted(page.tasks) or any(task < least for task in page.tasks[:1]):
            if index:
                break
            raise AnswerLost(
                f"{reader.portal} ignored the order or filter of {TASKS}; such a list cannot be relied on."
            )
        pages.append(page)
        if not page.full or page.of_one_task:
            break
        least = page.tasks[-1]
    return pages


async def _crowd(reader: Reader, task: int, where: Mapping[str, Parameter]) -> list[Part]:
    """The parts of one task that has more users than a page has rows. Raises AnswerLost where some do not come."""
    only: dict[str, Parameter] = {**where, "<=ID": task}
    answers = await reader.ask([_page(task, only, index * wire.PAGE_SIZE) for index in range(wire.BATCH_LIMIT)])
    parts = {part for answer in answers for part in _rows(answer, reader).parts if part.task == task}
    if answers[0].total is None or len(parts) < answers[0].total:
        raise AnswerLost(f"{reader.portal} did not tell all users of task {task} in {TASKS}.")
    return sorted(parts, key=lambda part: part.user)


def _rows(answer: CallAnswer, reader: Reader) -> _Page:
    value = reader.value(answer, TASKS)
    if not isinstance(value, list):
        raise AnswerLost(f"{reader.portal} answered {TASKS} with something that is not a list of tasks.")
    return _Page(tuple(_part(row, reader.portal) for row in value))


def _part(row: Json, portal: str) -> Part:
    fields = row if isinstance(row, dict) else {}
    numbers = [wire.whole(fields.get(name)) for name in ("ID", "USER_ID", "STATUS", "USER_STATUS")]
    task, user, status, user_status = numbers
    instance = fields.get("WORKFLOW_ID")
    if task is None or user is None or status is None or user_status is None or not isinstance(instance, str):
        raise AnswerLost(f"{portal} answered {TASKS} in an unknown shape: a task lacks a field that was asked for.")
    return Part(task, instance, user, waits=status == user_status == _RUNNING)


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
        for user, is_active in _users(answer, group, reader):
            told.setdefault(user, set()).add(is_active)
    return {user: is_active for user, truths in told.items() if len(truths) == 1 for is_active in truths}


def _users_call(users: Sequence[int], *, active: bool) -> Call:
    where: dict[str, Parameter] = {"ID": list(users), "ACTIVE": int(active)}
    return Call(USERS, {"FILTER": where, "SELECT": ["ID", "ACTIVE"], "start": 0})


def _users(answer: CallAnswer, asked: Sequence[int], reader: Reader) -> list[tuple[int, bool]]:
    value = reader.value(answer, USERS)
    if not isinstance(value, list):
        raise AnswerLost(f"{reader.portal} answered {USERS} with something that is not a list of users.")
    rows = [row for row in value if isinstance(row, dict)]
    found = [(wire.whole(row.get("ID")), row.get("ACTIVE")) for row in rows]
    if any(user not in asked for user, _ in found):
        raise AnswerLost(f"{reader.portal} ignored the filter by ID of {USERS}; its answer cannot be relied on.")
    return [(user, active) for user, active in found if user is not None and isinstance(active, bool)]
