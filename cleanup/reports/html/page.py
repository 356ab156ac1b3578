"""Puts the page together: everything inside, nothing from elsewhere, and a policy that lets nothing else run."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import IO, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cleanup import guards
from cleanup.config import parse_rules
from cleanup.guards import Limits
from cleanup.journal import Journal
from cleanup.reports.document import Document, document, exit_of
from cleanup.reports.html import ages, timeline
from cleanup.reports.html.gathering import Gathered, gather
from cleanup.reports.html.shown import shown
from cleanup.reports.html.table import MOST_PLAIN, STATUSES, Table
from cleanup.reports.html.words import Words
from cleanup.reports.text import named

DECISIONS = ("selected", "protected", "kept", "undecided", "locked", "no_match")
#: Statuses in the order of their bars.
ENDS = ("killed", "terminated", "already_gone", "changed", "failed", "pending")
_MOST_GROUPS = 12
_MOST_TIMELINES = 6


@dataclass(frozen=True, slots=True)
class Group:
    """A row of a picture: how many entries of each status."""

    name: str
    about: str
    counts: Counter[str]
    #: All that have no row of their own.
    rest: bool = False

    @property
    def total(self) -> int:
        return self.counts.total()


def write_page(journal: Journal, file: IO[str], *, language: str, state: str | None = None) -> None:
    """One self-contained HTML file. `state`: as `reports.document.document` takes it."""
    file.write(page(journal, language=language, state=state))


def page(journal: Journal, *, language: str, state: str | None = None) -> str:
    head = journal.head()
    now = datetime.fromisoformat(head.now)
    gathered, run = gather(journal), document(journal, verb="report", exit_code=exit_of(journal), state=state)
    rules, names = parse_rules(head.rules_source, head.rules_file), journal.templates() or {}
    words = Words(language, now.astimezone(rules.timezone or UTC).utcoffset() or timedelta())
    table = Table(gathered.rows, names, portal=head.portal, now=now.timestamp(), words=words)
    drawn = timeline.timelines(gathered.ended, journal.batches(), journal.waits())
    return _render(
        words,
        run=run,
        totals=run["totals"],
        capped=bool(_refusals(run, rules.limits)),
        ended=run["totals"]["killed"] + run["totals"]["terminated"],
        began=bool(drawn) or journal.first_applied(),
        digest=head.rules_digest,
        now=now.timestamp(),
        rules=list(_by_rule(run, words)),
        templates=_others(_by_template(gathered, table, words), words),
        kinds=_others(_by_kind(gathered, words), words),
        ages=ages.histogram(gathered.ages, ages.cut_offs(rules.book, now)),
        without_age=gathered.without_age,
        timelines=drawn[-_MOST_TIMELINES:],
        table=table,
        command=f"b24-cleanup report {named(run)} --format csv -o entries.csv",
    )


def _refusals(run: Document, limits: Limits) -> list[str]:
    return guards.refusals(selected=run["totals"]["selected"], population=run["population"] or 0, limits=limits)


def _render(words: Words, **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("cleanup.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    shared = {"w": words, "DECISIONS": DECISIONS, "ENDS": ENDS, "STATUSES": STATUSES, "MOST_PLAIN": MOST_PLAIN}
    style, early, script = (_whole(environment, name, shared) for name in ("style.css", "early.js", "table.js"))
    return environment.get_template("page.html").render(
        **shared,
        **values,
        style=style,
        early=early,
        script=script,
        style_hash=_hash(style),
        script_hashes=[_hash(early), _hash(script)],
        version=version("b24-cleanup"),
    )


def _whole(environment: Environment, name: str, values: Mapping[str, Any]) -> Markup:
    """A style or script of ours, which holds no text of others."""
    return Markup(environment.get_template(name).render(values))  # noqa: S704


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _by_rule(run: Document, words: Words) -> Iterator[Group]:
    for row in run["by_rule"]:
        counts = Counter({name: row.get(name, 0) for name in ENDS})
        if row["action"] != "keep":
            yield Group(shown(row["rule"]), words.say(f"action.{row['action']}"), counts)


def _by_template(gathered: Gathered, table: Table, words: Words) -> Iterator[Group]:
    for identity, counts in gathered.templates.items():
        about = "" if identity is None else words.say("template.id", id=identity)
        yield Group(table.template(identity, numbered=False), about, counts)


def _by_kind(gathered: Gathered, words: Words) -> Iterator[Group]:
    for kind, counts in gathered.kinds.items():
        yield Group(words.kind(kind), "", counts)


def _others(groups: Iterable[Group], words: Words) -> list[Group]:
    """The largest groups, and one row for what is left."""
    ordered = sorted(groups, key=lambda group: -group.total)
    if len(ordered) <= _MOST_GROUPS + 1:
        return ordered
    rest: Counter[str] = Counter()
    for group in ordered[_MOST_GROUPS:]:
        rest.update(group.counts)
    count = words.count(len(ordered) - _MOST_GROUPS)
    return [*ordered[:_MOST_GROUPS], Group(words.say("group.others", count=count), "", rest, rest=True)]
