"""Reading the section `tests`: instances as a person would describe them, and what must be decided about them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import partial

from cleanup.config import scalars, vocabulary
from cleanup.config.faults import meant
from cleanup.config.matches import MOST_KEPT, document_type_of
from cleanup.config.nodes import Node, Scalar, Source
from cleanup.config.sections import Section, items, one_or_many, scalar, section
from cleanup.model import Action, Decision, Facts, Instance, Standing
from cleanup.rules import RuleBook, document_type
from cleanup.rules.documents import sample
from cleanup.rules.examples import ANY_TIME, Example, Expected, asks_for_ages

_TEXTS = ("module", "entity", "document_id")
_NUMBERS = ("template_id", "started_by")
_TIMES = ("started", "modified", "owned_until")
UNREADABLE = (*_NUMBERS, *_TEXTS, *_TIMES)
_AN_ID = "66e412fdc9bd44.36306599"
_LEFT_ALONE = frozenset(Decision) - {Decision.SELECTED}
STANDINGS = tuple(Standing)
WORDS = ("left alone", *Decision)


class ExampleReader:
    """Notes faults; `ids` are those of the file's rules and protect entries."""

    def __init__(self, source: Source, timezone: tzinfo | None, book: RuleBook, ids: Iterable[str]) -> None:
        self._source, self._timezone, self._ids = source, timezone, tuple(ids)
        self._ages = asks_for_ages(book)

    def read(self, node: Node) -> Example | None:
        found = section(self._source, node, vocabulary.EXAMPLE, "a test")
        if found is None:
            return None
        now = found.scalar("now", partial(scalars.moment, timezone=self._timezone), None)
        found.require("instance", "it says what is judged")
        found.require("expect", "write “left alone”, or a map such as {rule: …, action: …}")
        row = section(self._source, found.get("instance"), vocabulary.INSTANCE, "an instance")
        if found.get("now") is None and (self._ages or (row and _asks_for_now(row))):
            found.require("now", "ages matter here, so the test must say when it is; such as 2026-01-31T04:00:00+03:00")
        return Example(
            name=found.scalar("name", scalars.text, ""),
            place=f"{self._source.file}:{node.line}:{node.column}",
            instance=Instance(id=_AN_ID) if row is None else self._instance(row, now or ANY_TIME),
            template=None if row is None else row.scalar("template", scalars.text, None),
            now=now or ANY_TIME,
            expected=self._expected(found.get("expect")),
        )

    def _instance(self, row: Section, now: datetime) -> Instance:
        at = partial(_moment, timezone=self._timezone, now=now)
        number = partial(scalars.whole, least=1)
        values = {name: row.scalar(name, scalars.text, None) for name in _TEXTS}
        instance = Instance(
            id=row.scalar("id", scalars.text, _AN_ID),
            template_id=row.scalar("template_id", number, None),
            started_by=row.scalar("started_by", number, None),
            started=row.scalar("started", at, None),
            modified=row.scalar("modified", at, None),
            owned_until=row.scalar("owned_until", at, None),
            unreadable=self._unreadable(row),
            facts=self._facts(row),
            **values,
        )
        return self._of_type(row, instance)

    def _facts(self, row: Section) -> Facts:
        assignees = row.get("assignees")
        newer = row.scalar("newer", partial(scalars.whole, least=0), None)
        return Facts(
            starter=row.scalar("starter", _standing, None),
            assignees=None if assignees is None else self._standings(assignees),
            document_exists=row.scalar("document_exists", scalars.boolean, None),
            newer=None if newer is None else tuple(f"newer {place}" for place in range(min(newer, MOST_KEPT))),
        )

    def _standings(self, node: Node) -> frozenset[Standing]:
        found = (scalar(self._source, item, _standing, None) for item in items(self._source, node, "“assignees”"))
        return frozenset(standing for standing in found if standing is not None)

    def _of_type(self, row: Section, instance: Instance) -> Instance:
        name = row.scalar("document_type", document_type_of, None)
        if name is None:
            return instance
        given = {part: value for part in _TEXTS if (value := getattr(instance, part)) is not None}
        whole = replace(instance, **(dict(zip(_TEXTS, sample(name), strict=True)) | given))
        node = row.get("document_type")
        if document_type(whole) != name and node is not None:
            self._source.fault(node, f"module, entity and document_id beside it are none of a “{name}”")
        return whole

    def _unreadable(self, row: Section) -> frozenset[str]:
        node = row.get("unreadable")
        names = [] if node is None else [(item, self._field(item)) for item in one_or_many(node)]
        for item, name in names:
            if name and row.get(name) is not None:
                self._source.fault(item, f"“{name}” has a value above, so it is not unreadable")
        return frozenset(name for _, name in names if name)

    def _field(self, node: Node) -> str:
        return scalar(self._source, node, partial(_one_of, UNREADABLE, "field that can be unreadable"), "")

    def _expected(self, node: Node | None) -> Expected:
        if isinstance(node, Scalar):
            return Expected(decisions=scalar(self._source, node, _decisions, frozenset[Decision]()))
        found = section(self._source, node, vocabulary.EXPECT, "“expect”")
        return Expected() if found is None else self._expected_map(found)

    def _expected_map(self, found: Section) -> Expected:
        if found.get("action") is None and found.get("decision") is None:
            found.require("action", "or “decision”: a rule alone does not say whether it selects")
        action = found.scalar("action", _action, None)
        decisions = found.scalar("decision", _decisions, frozenset[Decision]())
        if found.get("decision") is None and action is not None:
            decisions = frozenset({Decision.KEPT if action is Action.KEEP else Decision.SELECTED})
        return Expected(
            decisions=decisions,
            rule=found.scalar("rule", partial(_one_of, self._ids, "rule or protect entry"), None),
            action=action,
            field=found.scalar("field", scalars.text, None),
        )


def _asks_for_now(row: Section) -> bool:
    """It gives a lock, or a time as so long ago."""
    nodes = [row.get(name) for name in _TIMES]
    ago = any(isinstance(node, Scalar) and scalars.DURATION.fullmatch(node.text.strip()) for node in nodes)
    return ago or row.get("owned_until") is not None


def _moment(node: Scalar, timezone: tzinfo | None, now: datetime) -> datetime:
    written = node.text.strip()
    if scalars.DURATION.fullmatch(written) is None:
        return scalars.moment(node, timezone)
    return _ago(now, scalars.duration(written))


def _ago(now: datetime, age: timedelta) -> datetime:
    try:
        return now - age
    except OverflowError:
        raise ValueError("this is before all time") from None


def _decisions(node: Scalar) -> frozenset[Decision]:
    word = _one_of(WORDS, "decision", node)
    return _LEFT_ALONE if word == "left alone" else frozenset({Decision(word)})


def _standing(node: Scalar) -> Standing:
    return Standing(_one_of(STANDINGS, "standing", node))


def _action(node: Scalar) -> Action:
    return Action(_one_of(tuple(Action), "action", node))


def _one_of(known: tuple[str, ...], what: str, node: Scalar) -> str:
    name = scalars.text(node)
    if name not in known:
        raise ValueError(f"there is no {what} “{name}”.{meant(name, known)}")
    return name
