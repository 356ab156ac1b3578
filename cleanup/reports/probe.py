"""What `check` found out about a portal, a line each: ok, warning or fault, with what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console

from cleanup.limits import rate_of
from cleanup.portal.client import Probe
from cleanup.reports.document import Document

_SKEW = 120.0


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    subject: str
    text: str


def findings(probe: Probe, portal: str, entrance: str) -> list[Finding]:
    """`entrance`: way in and place of its secret."""
    return [
        Finding(Level.OK, "access", entrance),
        Finding(Level.OK, "portal", f"{portal} answered in {probe.round_trip:.2f} s"),
        _administrator(probe),
        _scope(probe),
        _methods(probe),
        _limits(probe),
        _clock(probe),
        _population(probe),
    ]


def show(found: list[Finding], console: Console) -> None:
    colour = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red"}
    for finding in found:
        console.print(f"[{colour[finding.level]}]{finding.level:<8}[/] {finding.subject:<14} {finding.text}")


def as_json(found: list[Finding], probe: Probe, portal: str) -> Document:
    return {
        "portal": portal,
        "findings": [asdict(finding) for finding in found],
        "licence": probe.licence,
        "population": probe.population,
        "round_trip": round(probe.round_trip, 3),
        "exit": 0 if all(finding.level is not Level.FAULT for finding in found) else 5,
    }


def _administrator(probe: Probe) -> Finding:
    if probe.administrator is None:
        return Finding(Level.WARNING, "administrator", "the portal did not say whether the webhook's owner is one")
    if not probe.administrator:
        return Finding(Level.FAULT, "administrator", "the webhook's owner is none: let an administrator create it")
    return Finding(Level.OK, "administrator", "the webhook's owner is one")


def _scope(probe: Probe) -> Finding:
    if probe.scopes is None:
        return Finding(Level.WARNING, "scope", "the portal did not list the webhook's scopes")
    if "bizproc" not in probe.scopes:
        return Finding(Level.FAULT, "scope", "bizproc is missing: add “Business processes” to the webhook")
    return Finding(Level.OK, "scope", "bizproc is there")


def _methods(probe: Probe) -> Finding:
    if probe.kill_exists is None:
        return Finding(Level.WARNING, "methods", "the portal did not say whether workflows can be ended by REST")
    if not probe.kill_exists:
        return Finding(Level.FAULT, "methods", "bizproc.workflow.kill is not available on this plan or scope")
    return Finding(Level.OK, "methods", "bizproc.workflow.kill is available")


def _limits(probe: Probe) -> Finding:
    rate = rate_of(probe.licence)
    told = (
        "no request limit by default"
        if rate is None
        else f"{rate.burst:g} requests at once, then {rate.per_second:g}/s"
    )
    return Finding(Level.OK, "limits", f"licence {probe.licence or 'unknown'}: {told}")


def _clock(probe: Probe) -> Finding:
    if probe.ahead is None:
        return Finding(Level.WARNING, "clock", "the portal did not tell its time; ages are judged by this machine's")
    if abs(probe.ahead) > _SKEW:
        way = "ahead of" if probe.ahead > 0 else "behind"
        return Finding(
            Level.WARNING, "clock", f"the portal is {abs(probe.ahead):.0f} s {way} this machine; its clock decides"
        )
    return Finding(Level.OK, "clock", f"{abs(probe.ahead):.0f} s apart from this machine")


def _population(probe: Probe) -> Finding:
    if probe.population is None:
        return Finding(Level.FAULT, "instances", str(probe.refusal or "the portal did not count them"))
    return Finding(Level.OK, "instances", f"{probe.population:,} are running")
