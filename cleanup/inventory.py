"""What is on a portal before any rule: counts of its instances, gathered in one listing and in constant memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cleanup.listing import stretches
from cleanup.model import Instance
from cleanup.portal.client import Reader
from cleanup.rules import document_type
from cleanup.rules.match import Locked, Stuck

#: Upper bounds of an age, in days, and how each bucket is called.
AGES: tuple[tuple[float, str], ...] = (
    (1, "under 1 day"),
    (7, "1 to 7 days"),
    (30, "7 to 30 days"),
    (90, "30 to 90 days"),
    (180, "90 to 180 days"),
    (365, "180 to 365 days"),
    (float("inf"), "over 365 days"),
)
UNKNOWN = "unknown"
_LOCKED, _STUCK = Locked(), Stuck()


@dataclass(slots=True)
class Inventory:
    """Counts of instances. A template has the document types of its instances; None: no id, no type, no starter."""

    now: datetime
    total: int = 0
    templates: Counter[tuple[int | None, str | None]] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)
    starters: Counter[int | None] = field(default_factory=Counter)
    locked: int = 0
    stuck: int = 0
    #: The oldest start of a template's instances.
    oldest: dict[int | None, datetime] = field(default_factory=dict)

    def add(self, instance: Instance) -> None:
        self.total += 1
        self.templates[instance.template_id, document_type(instance)] += 1
        self.ages[age_of(instance, self.now)] += 1
        self.starters[instance.started_by] += 1
        self.locked += _LOCKED.test(instance, self.now) is True
        self.stuck += _STUCK.test(instance, self.now) is True
        if instance.started is not None:
            known = self.oldest.get(instance.template_id, instance.started)
            self.oldest[instance.template_id] = min(known, instance.started)

    @property
    def document_types(self) -> Counter[str | None]:
        found: Counter[str | None] = Counter()
        for (_, name), count in self.templates.items():
            found[name] += count
        return found

    @property
    def by_template(self) -> Counter[int | None]:
        found: Counter[int | None] = Counter()
        for (template, _), count in self.templates.items():
            found[template] += count
        return found


@dataclass(frozen=True, slots=True)
class Survey:
    """An inventory, and the portal's names of templates by id."""

    portal: str
    inventory: Inventory
    names: Mapping[int, str]


def age_of(instance: Instance, now: datetime) -> str:
    if instance.started is None:
        return UNKNOWN
    days = (now - instance.started) / timedelta(days=1)
    return next(name for bound, name in AGES if days < bound)


async def survey(reader: Reader, now: datetime) -> Survey:
    """Lists the whole portal once: a request for every 2,500 instances, and one for its templates."""
    names = await reader.templates()
    inventory = Inventory(now)
    async for stretch in stretches(reader, "", now + timedelta(days=1)):
        for instance in stretch.instances:
            inventory.add(instance)
    return Survey(reader.portal, inventory, names)
