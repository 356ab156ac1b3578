"""Reasons to refuse a plan, to stop a run that goes wrong, or to leave one instance alone. Plain decisions, no I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanup.model import Decision, Entry, Instance, Verdict

_CLOCKS = timedelta(minutes=2)
OLDEST_PLAN = timedelta(hours=24)
#: Fewer failures than this say nothing about a run.
_FEWEST_FAILURES = 5
#: Fewer entries than this say nothing about a portal.
FEWEST_LOOKED_UP = 20
_IDENTITY = ("template_id", "module", "entity", "document_id", "started")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The caps of a run (`limits` in a rules file); None is a written-out "off"."""

    max_kill: int | None = 500
    #: Of the portal's population, 0 to 100.
    max_percent: float | None = 25.0
    #: Of the entries that were tried, 0 to 100.
    max_failed_percent: float | None = 10.0


def refusals(*, selected: int, population: int, limits: Limits) -> list[str]:
    """Why a plan of this size may not be applied; empty when it may."""
    found: list[str] = []
    if limits.max_kill is not None and selected > limits.max_kill:
        found.append(
            f"The plan selects {selected:,} instances; limits.max_kill allows {limits.max_kill:,}. "
            "Look at the plan, then narrow the rules or raise the cap."
        )
    population = max(population, selected)  # a count that says less than was listed protects nobody
    share = 100 * selected / population if population else 0.0
    if limits.max_percent is not None and share > limits.max_percent:
        found.append(
            f"The plan selects {share:.1f} % of the portal's {population:,} instances; limits.max_percent allows "
            f"{limits.max_percent:g} %. Look at the plan, then narrow the rules or raise the cap."
        )
    return found


def meaningless_percent(*, population: int, limits: Limits) -> str:
    """Why max_percent says nothing sensible about a portal of this size; "" when it does."""
    if limits.max_percent is None or not population or limits.max_percent * population >= 100:
        return ""
    return (
        f"limits.max_percent of {limits.max_percent:g} % allows not one of this portal's {population:,} instances; "
        "let max_kill be the cap."
    )


def too_old(planned: datetime, now: datetime) -> str:
    """Why a plan of this age may not be applied; "" when it may."""
    if now - planned <= OLDEST_PLAN:
        return ""
    hours, most = ((age.total_seconds() / 3600) for age in (now - planned, OLDEST_PLAN))
    return f"The plan is {hours:.0f} hours old; after {most:.0f} it is not applied. Plan again."


def not_yet(planned: datetime, present: datetime) -> str:
    """Why a plan whose ages count from a time to come may not be applied; "" when it may. Clocks differ a little."""
    ahead = planned - present
    if ahead <= _CLOCKS:
        return ""
    minutes = ahead.total_seconds() / 60
    return (
        f"The plan's “now” is {minutes:.0f} minutes ahead of the portal's clock, so instances count as older than they "
        "are. Such a plan shows what a later day would bring; it is not applied. Plan again without --now."
    )


def other_portal(planned: str, webhook: str) -> str:
    return "" if planned == webhook else f"The plan was made for {planned}, but the webhook is of {webhook}."


def changed_rules(planned: str, current: str | None, file: str) -> str:
    """`current` is the digest of the rules file as it is now; None when there is no such file any more."""
    if current is None or current == planned:
        return ""
    return f"The rules file {file} was changed after the plan was made. Plan again."


def edited(*, as_planned: bool, file: str) -> str:
    """`as_planned`: whether the plan still has the digest that it was sealed with."""
    if as_planned:
        return ""
    return f"The plan in {file} is not what was planned: it was changed by hand, or is damaged. Plan again."


def other_population(*, looked_up: int, strange: int) -> str:
    """Why the portal does not look like the one that was planned on; "" when it does.

    `strange`: entries that are gone or changed, of those looked up before anything of the plan was ended. That some
    ended by themselves is normal; that most did, so soon, is more likely another portal's data: a restored backup, a
    renamed host, a proxy. Stopping costs a new plan; going on would record them all as gone for good.
    """
    if looked_up < FEWEST_LOOKED_UP or 2 * strange <= looked_up:
        return ""
    return (
        f"{strange:,} of {looked_up:,} planned instances are gone or changed, and none was ended by this run: this may "
        "not be the portal that was planned on. Nothing was ended or recorded. Look at it, then plan again."
    )


def too_many_failures(*, failed: int, tried: int, limits: Limits) -> str:
    """Why a run must stop here; "" when it may go on."""
    if limits.max_failed_percent is None or failed < _FEWEST_FAILURES:
        return ""
    share = 100 * failed / max(1, tried)
    if share <= limits.max_failed_percent:
        return ""
    return (
        f"{failed:,} of {tried:,} tried entries failed ({share:.0f} %); limits.max_failed_percent allows "
        f"{limits.max_failed_percent:g} %. The rest was left untouched. See the report for the reasons."
    )


def cut_short(*, listed: int, behind: int | None, beyond: int | None) -> str:
    """Why a listing cannot be complete; "" when it can.

    `behind`: instances with IDs up to the last one listed, counted afterwards. Those that ended meanwhile make it less;
    a few may have appeared. `beyond`: instances behind the end of the listing that are old enough to be in it.
    """
    few = max(5, listed // 1000)
    if behind is not None and behind > listed + few:
        return f"The portal counts {behind:,} instances but listed only {listed:,}. Such a listing is not planned on."
    if beyond is not None and beyond > few:
        return f"The portal counts {beyond:,} instances behind the end of its list. Such a listing is not planned on."
    return ""


def is_revived(planned: Instance, current: Instance) -> bool:
    """Whether the row is what old portals put back after they ended an instance that was just being executed.

    PORTAL.md 7: the same ID, with no document, template or starter any more.
    """
    left = (current.module, current.entity, current.document_id, current.template_id)
    had = (planned.module, planned.entity, planned.document_id, planned.template_id)
    return left == (None,) * 4 != had


def why_left_alone(entry: Entry, current: Instance, verdict: Verdict) -> str:
    """Why a planned instance is no longer to be ended, as the portal shows it now; "" when it still is."""
    for name in _IDENTITY:
        if getattr(entry.instance, name) != getattr(current, name):
            return f"{name} is now {getattr(current, name)!s}, it was {getattr(entry.instance, name)!s}"
    if verdict.decision is not Decision.SELECTED:
        return f"it is now {verdict.decision}" + (f" by {verdict.rule}" if verdict.rule else "")
    if verdict.action is not entry.action:
        return f"rule {verdict.rule} now asks to {verdict.action}"
    return ""
