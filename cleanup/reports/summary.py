"""A run's end as a short plain text for a mail or a chat: what, where, how many, what to do next."""

from collections.abc import Sequence

from cleanup.errors import ExitCode, worst
from cleanup.reports.document import Document
from cleanup.reports.ended import Ended, meaning_of
from cleanup.reports.portals import PortalEnd
from cleanup.reports.text import named
from cleanup.words import clean

_COUNTED = ("selected", "killed", "terminated", "already_gone", "changed", "failed", "pending", "undecided")


def title(ended: Ended) -> str:
    """One line: the portal, and how it went."""
    return f"b24-cleanup {ended.verb} on {ended.portal or 'an unknown portal'}: {_how(ended)}"


def body(ended: Ended) -> str:
    """A few lines; no names of templates or documents, since it leaves the house."""
    lines = [f"Exit {ended.exit_code}: {_how(ended)}.", f"Rules: {clean(ended.rules)}"]
    lines += [_counts(document) for document in ended.documents]
    lines += [clean(line) for line in ended.message.splitlines()]
    if following := next_command(ended):
        lines.append(f"Next: {following}")
    return "\n".join(lines)


def title_of_many(ends: Sequence[PortalEnd]) -> str:
    """One line: how many portals, and how the worst of them went."""
    code = worst(end.ended.exit_code for end in ends)
    like = [end for end in ends if end.ended.exit_code == code]
    return f"b24-cleanup run on {len(ends):,} portals: {_how(like[0].ended)} ({len(like):,} of them)"


def body_of_many(ends: Sequence[PortalEnd]) -> str:
    """A part for each of these portals."""
    return "\n\n".join(f"{end.name}, {end.ended.portal or 'unknown'}\n{body(end.ended)}" for end in ends)


def next_command(ended: Ended) -> str:
    """What to type next, with the run and the portal filled in; "" when there is nothing to do."""
    if ended.window_over:
        return ""
    command = meaning_of(ended.exit_code).do.replace("PORTAL", ended.portal)
    run = named(ended.document) if ended.document else "last"
    return command.replace("RUN", run).replace("RULES", f"{ended.rules}.yaml")


def _how(ended: Ended) -> str:
    if ended.window_over and ended.exit_code == ExitCode.STOPPED_EARLY:
        return "the time window is over; the next night goes on"
    return meaning_of(ended.exit_code).says


def _counts(document: Document) -> str:
    totals = document["totals"]
    told = ", ".join(f"{totals[name]:,} {name.replace('_', ' ')}" for name in _COUNTED if totals[name])
    return f"Run {document['run']}: {totals['listed']:,} listed, {told or 'nothing selected'}"
