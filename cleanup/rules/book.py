"""A compiled rules file: protect above all, then rules from top to bottom, the first match wins."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cleanup.model import Action, Decision, Instance, Verdict
from cleanup.rules.asked import Asked, asked, most_kept
from cleanup.rules.match import Locked, Match, resolved, template_tests

_LOCKED = Locked()


class UnknownTemplates(ValueError):
    """Rules name templates that the portal does not have. The text has a line for each, with the nearest names."""


@dataclass(frozen=True, slots=True)
class Take:
    """A batch size: of the instances that a rule selects, only so many, the oldest or the newest by start."""

    count: int
    order: str = "oldest"


@dataclass(frozen=True, slots=True)
class Protect:
    """What no rule may touch."""

    id: str
    match: Match
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    id: str
    match: Match
    action: Action
    #: For the record, and for terminate the status text; {rule} and {run} are filled in while planning.
    reason: str = ""
    take: Take | None = None
    line: int = 0

    @property
    def ends(self) -> bool:
        return self.action is not Action.KEEP


@dataclass(frozen=True, slots=True)
class Resolved:
    """The templates that one rule's (or protect entry's) name tests mean on this portal, by id."""

    rule: str
    templates: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A pattern of a rule that means no template of this portal."""

    rule: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    protect: tuple[Protect, ...] = ()
    rules: tuple[Rule, ...] = ()
    include_locked: bool = False

    def judge(self, instance: Instance, now: datetime, *, present: datetime | None = None) -> Verdict:
        """The one decision on an instance. Never raises, whatever the instance looks like.

        `now` is what ages count from; `present` the portal's clock, where it may be another time: what is being
        executed at either of them is locked.

        Unknown protects in `protect`, is passed over in `rules`, and leaves an instance that no later rule decides
        undecided.
        """
        for entry in self.protect:
            truth = entry.match.test(instance, now)
            if truth is not False:
                return Verdict(
                    decision=Decision.PROTECTED,
                    rule=entry.id,
                    field=entry.match.culprit(instance, now) if truth is None else None,
                    reason=entry.why,
                )
        return self._by_rules(instance, now, min(now, present or now))

    def _by_rules(self, instance: Instance, now: datetime, locked_at: datetime) -> Verdict:
        unknown: Rule | None = None
        for rule in self.rules:
            truth = rule.match.test(instance, now)
            if truth:
                return self._matched(rule, instance, locked_at)
            if truth is None and rule.ends and unknown is None:
                unknown = rule
        if unknown is None:
            return Verdict(decision=Decision.NO_MATCH)
        return _undecided(unknown, unknown.match.culprit(instance, now))

    def _matched(self, rule: Rule, instance: Instance, locked_at: datetime) -> Verdict:
        if not rule.ends:
            return Verdict(decision=Decision.KEPT, rule=rule.id, action=rule.action, reason=rule.reason)
        locked = False if self.include_locked else _LOCKED.test(instance, locked_at)
        if locked is None:
            return _undecided(rule, _LOCKED.field_name())
        decision = Decision.LOCKED if locked else Decision.SELECTED
        return Verdict(decision=decision, rule=rule.id, action=rule.action, reason=rule.reason)

    def asks(self) -> frozenset[Asked]:
        """What a judgement by this book may need to know beyond the rows."""
        return frozenset[Asked]().union(*(asked(match) for _, match in self._matches()))

    def most_kept(self) -> int:
        """How many newer instances of the same document are to be known of; 0: none."""
        return max((most_kept(match) for _, match in self._matches()), default=0)

    def wants(self, instance: Instance, now: datetime) -> bool:
        """Whether the judgement of an instance without facts could become another one by facts.

        What is true or false without them stays so, since a fact only takes the place of an unknown.
        """
        for entry in self.protect:
            truth = entry.match.test(instance, now)
            if truth is not False:
                return truth is None and bool(asked(entry.match))
        for rule in self.rules:
            truth = rule.match.test(instance, now)
            if truth:
                return False
            if truth is None and asked(rule.match):
                return True
        return False

    def newest_start(self, now: datetime) -> datetime | None:
        """No instance started after this can be selected; None: no such bound, also with no rule that ends."""
        bounds = [rule.match.newest_start(now) for rule in self.rules if rule.ends]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if known and len(known) == len(bounds) else None

    def resolve(self, templates: Mapping[int, str]) -> "RuleBook":
        """The book for a portal with these templates.

        Raises UnknownTemplates for exact names that it lacks, and in `protect` for patterns that no name fits:
        a protect entry that means nothing protects nothing.
        """
        missing = [line for entry in self.protect for line in _missing(entry.match, templates, patterns=True)]
        missing += [line for rule in self.rules for line in _missing(rule.match, templates, patterns=False)]
        if missing:
            raise UnknownTemplates("\n".join(dict.fromkeys(missing)))
        return replace(
            self,
            protect=tuple(replace(entry, match=resolved(entry.match, templates)) for entry in self.protect),
            rules=tuple(replace(rule, match=resolved(rule.match, templates)) for rule in self.rules),
        )

    def named_templates(self, templates: Mapping[int, str]) -> list[Resolved]:
        """What every rule's template names mean, for a person to check; rules without such a test are left out."""
        return [
            Resolved(name, {identity: templates[identity] for test in tests for identity in sorted(test.ids)})
            for name, match in self._matches()
            if (tests := list(template_tests(match)))
        ]

    def unmatched_patterns(self, templates: Mapping[int, str]) -> list[Unmatched]:
        """Globs and regexes in rules that fit no template's name."""
        return [
            Unmatched(rule.id, str(pattern))
            for rule in self.rules
            for test in template_tests(rule.match)
            for pattern in test.patterns
            if pattern.kind != "exact" and not test.hits(pattern, templates)
        ]

    def _matches(self) -> list[tuple[str, Match]]:
        protected = [(entry.id, entry.match) for entry in self.protect]
        return protected + [(rule.id, rule.match) for rule in self.rules]


def _undecided(rule: Rule, field: str) -> Verdict:
    return Verdict(decision=Decision.UNDECIDED, rule=rule.id, action=rule.action, field=field)


def _missing(match: Match, templates: Mapping[int, str], *, patterns: bool) -> list[str]:
    return [
        f"{test.place}: the portal has no template {pattern}.{_nearest(pattern.text, templates)}"
        for test in template_tests(match)
        for pattern in test.patterns
        if (patterns or pattern.kind == "exact") and not test.hits(pattern, templates)
    ]


def _nearest(name: str, templates: Mapping[int, str]) -> str:
    near = difflib.get_close_matches(name, sorted(set(templates.values())), n=3, cutoff=0.5)
    return f" Nearest: {', '.join(map(repr, near))}." if near else " See the names with: b24-cleanup templates"
