"""Whether webhook or application may do the work: administrator, scope, methods, and whether it can list."""

from collections.abc import Callable

from cleanup.errors import ExitCode
from cleanup.portal.authorization import WayIn
from cleanup.portal.errors import OperationLimited
from cleanup.portal.methods import INSTANCES
from cleanup.portal.refusals import of_call
from cleanup.portal.told import Answers, Availability
from cleanup.reports.checkup.findings import Finding, Level

_WHO = {WayIn.WEBHOOK: "Let an administrator create the webhook.", WayIn.APPLICATION: "Let an administrator log in."}
_SCOPE = {
    WayIn.WEBHOOK: "Add “Business processes” (bizproc) to the webhook's scopes. It may take up to a day to be seen.",
    WayIn.APPLICATION: "Add “Business processes” (bizproc) to the application's card, then log in again.",
}
_LATER = "Try again in some minutes; if it stays so, ask who keeps the portal."


def administrator(answers: Answers, way: WayIn) -> Finding:
    user = " ".join(filter(None, (f"user {answers.user}" if answers.user else "its owner", _bracketed(answers.name))))
    if answers.administrator is None:
        return Finding(
            Level.WARNING,
            "administrator",
            f"the portal did not say whether {user} is an administrator",
            f"Only an administrator's {way} may list and end instances.",
        )
    if not answers.administrator:
        return Finding(Level.FAULT, "administrator", f"{user} is no administrator", _WHO[way])
    return Finding(Level.OK, "administrator", f"{user} is an administrator")


def _bracketed(name: str) -> str:
    return f"({name})" if name else ""


def scope(scopes: frozenset[str] | None, way: WayIn) -> Finding:
    if scopes is None:
        return Finding(Level.WARNING, "scope", "the portal did not list the scopes", "bizproc is needed.")
    told = ", ".join(sorted(scopes)) or "none"
    if "bizproc" not in scopes:
        return Finding(
            Level.FAULT,
            "scope",
            f"bizproc is missing; granted: {told}",
            _SCOPE[way],
        )
    return Finding(Level.OK, "scope", told)


def methods(answers: Answers, way: WayIn) -> Finding:
    absent = _those(answers, lambda method: method.exists is False)
    if absent:
        return Finding(
            Level.FAULT,
            "methods",
            f"the portal has no {absent}",
            "Its plan lacks business processes, or the module is not installed.",
        )
    closed = _those(answers, lambda method: method.available is False)
    if closed:
        return Finding(
            Level.FAULT, "methods", f"on this plan, but closed to this {way}: {closed}", "It lacks their scope."
        )
    unknown = _those(answers, lambda method: method.available is None)
    if unknown:
        return Finding(Level.WARNING, "methods", f"the portal did not say whether it has {unknown}", "A plan shows it.")
    return Finding(Level.OK, "methods", "list, kill and terminate are there")


def _those(answers: Answers, test: Callable[[Availability], bool]) -> str:
    """Their names; all of them in short."""
    names = [name for name, method in answers.methods.items() if test(method)]
    return "bizproc.workflow methods" if names == [*answers.methods] else ", ".join(names)


def population(answers: Answers, portal: str, way: WayIn) -> Finding:
    if answers.population is not None:
        return Finding(Level.OK, "instances", f"{answers.population:,} running")
    if answers.refusal is None:
        return Finding(Level.WARNING, "instances", "the portal did not count them", "A plan lists them all the same.")
    error = of_call(answers.refusal, portal=portal, asked=INSTANCES, way=way)
    told = f"they cannot be listed: {answers.refusal}"
    if isinstance(error, OperationLimited):
        return Finding(Level.WARNING, "instances", told, error.advice)
    if error is None:
        return Finding(Level.FAULT, "instances", told, _LATER, ExitCode.STOPPED_EARLY)
    return Finding(Level.FAULT, "instances", told, error.advice, ExitCode(error.exit_code))
