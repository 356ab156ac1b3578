"""The people of the simulated company and the tasks that instances wait for. Made when they are first asked for."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from cleanup.sandbox.filters import Filter
from cleanup.sandbox.ledger import Ledger
from cleanup.sandbox.rows import Column, Columns, Kind, Row
from cleanup.sandbox.world import World

PEOPLE = 150
_DISMISSED, _WITH_TASK, _ANSWERED = 0.15, 0.35, 0.2
_FIRST_TASK = 1001
_FIRST_NAMES = ("Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Иван", "Karl", "Olga")
_LAST_NAMES = ("Соколова", "Орлов", "Лебедева", "Воронцов", "Чижова", "Дроздов", "Галкина", "Стриж", "Fink", "Swan")
_TASKS = ("Согласовать документ", "Утвердить счёт", "Ознакомиться", "Запросить данные", "Approve the contract")


class User(NamedTuple):
    id: int
    active: bool
    name: str
    last_name: str
    email: str
    user_type: str


class Task(NamedTuple):
    """One person's part in a task: of several assignees each has a row of his own, with the task's ID.

    PORTAL.md 9; the rows are tasks joined with their users (bizproc/classes/general/taskservice.php, GetList).
    """

    id: int
    workflow_id: str
    document_name: str
    name: str
    module: str | None
    entity: str
    document_id: str
    document_url: str
    user_id: int
    #: 0 running, 1 yes, 2 no, 3 ok, 4 timeout, 5 cancelled.
    status: int
    #: 0 waiting, 1 yes, 2 no, 3 ok, 4 cancelled.
    user_status: int
    modified: int


def _columns(row: type[NamedTuple], kinds: Mapping[str, Kind]) -> Columns:
    names = [name.upper() for name in row._fields]
    return {name: Column(kind, names.index(_PLACES.get(name, name))) for name, kind in kinds.items()}


_PLACES = {"MODULE_ID": "MODULE"}
USER_COLUMNS = _columns(
    User,
    {
        "ID": Kind.NUMBER,
        "ACTIVE": Kind.SWITCH,
        "NAME": Kind.TEXT,
        "LAST_NAME": Kind.TEXT,
        "EMAIL": Kind.TEXT,
        "USER_TYPE": Kind.TEXT,
    },
)
TASK_COLUMNS = _columns(
    Task,
    {
        "ID": Kind.NUMBER,
        "WORKFLOW_ID": Kind.TEXT,
        "DOCUMENT_NAME": Kind.TEXT,
        "NAME": Kind.TEXT,
        "MODULE_ID": Kind.TEXT,
        "ENTITY": Kind.TEXT,
        "DOCUMENT_ID": Kind.TEXT,
        "DOCUMENT_URL": Kind.TEXT,
        "USER_ID": Kind.NUMBER,
        "STATUS": Kind.NUMBER,
        "USER_STATUS": Kind.NUMBER,
        "MODIFIED": Kind.DATE,
    },
)


class Office:
    """Users and tasks as they are now: a task ends with its instance (PORTAL.md 7)."""

    def __init__(self, world: World, ledger: Ledger, *, owner: int, seed: int, empty: bool = False) -> None:
        """`empty`: a copy of a real portal, of which nobody knows the people and their tasks."""
        self._world, self._ledger, self._owner, self._seed, self._empty = world, ledger, owner, seed, empty
        #: Users that no list shows, as bots and mail users.
        self.hidden: set[int] = set()

    @cached_property
    def users(self) -> list[User]:
        if self._empty:
            return []
        random = Random(f"people {self._seed}")
        return [_user(random, number, stays=number == self._owner) for number in range(1, PEOPLE + 1)]

    @property
    def tasks(self) -> list[Task]:
        return [task for task in self._tasks if self._exists(task)]

    @property
    def shown(self) -> list[User]:
        return [user for user in self.users if user.id not in self.hidden]

    def set_active(self, number: int, *, active: bool) -> None:
        """Dismiss a user, or take him back."""
        place = next(place for place, user in enumerate(self.users) if user.id == number)
        self.users[place] = self.users[place]._replace(active=active)

    def delegate(self, task: Task, user: int) -> None:
        """Give one person's part to another one."""
        self._tasks[self._tasks.index(task)] = task._replace(user_id=user)

    def answer(self, task: Task) -> None:
        self._tasks[self._tasks.index(task)] = task._replace(user_status=1)

    def assign(self, workflow: str, users: Sequence[int]) -> None:
        """One more running task of an instance, for these users."""
        row, number = self._world.get(workflow), max((task.id for task in self._tasks), default=_FIRST_TASK) + 1
        if row is not None:
            self._tasks.extend(_part(row, number, "Approve", user, finished=False, answered=False) for user in users)

    def tasks_of(self, user: int | None) -> list[Task]:
        """Of one user, or of all."""
        return [task for task in self.tasks if user is None or task.user_id == user]

    @cached_property
    def _tasks(self) -> list[Task]:
        random = Random(f"tasks {self._seed}")
        made: list[Task] = []
        for number, row in enumerate(() if self._empty else self._world.population):
            if row.module and random.random() < _WITH_TASK:
                made += _of_one(random, row, _FIRST_TASK + number)
        return made

    def _exists(self, task: Task) -> bool:
        """Of one that was ended the running tasks are gone; the finished ones stay after a terminate only."""
        endings = self._ledger.endings.get(task.workflow_id, [])
        if any(ending.method.endswith("kill") for ending in endings):
            return False
        return task.status != 0 or (not endings and task.workflow_id in self._world)


def _user(random: Random, number: int, *, stays: bool) -> User:
    active = random.random() >= _DISMISSED or stays
    name, last_name = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
    return User(number, active, name, last_name, f"user{number}@company.example", "employee")


def _of_one(random: Random, row: Row, number: int) -> list[Task]:
    name, finished = random.choice(_TASKS), random.random() < _ANSWERED
    users = random.sample(range(1, PEOPLE + 1), random.choice((1, 1, 1, 2, 3)))
    return [
        _part(row, number, name, user, finished=finished, answered=finished or random.random() < _ANSWERED)
        for user in users
    ]


def _part(row: Row, number: int, name: str, user: int, *, finished: bool, answered: bool) -> Task:
    return Task(
        id=number,
        workflow_id=row.id,
        document_name=f"Документ {row.document_id}",
        name=name,
        module=row.module,
        entity=row.entity,
        document_id=row.document_id,
        document_url=f"/company/personal/bizproc/{number}/",
        user_id=user,
        status=int(finished),
        user_status=int(answered),
        modified=row.modified or 0,
    )


class Rows:
    """Any rows as the source of a list, by the ID in their first place."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, _narrowed: Filter, *, descending: bool) -> Iterator[Sequence[Any]]:
        return reversed(self._rows) if descending else iter(self._rows)
