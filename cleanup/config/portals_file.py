"""A portals file: many portals, each with a way in, rules, tags. Every fault of it and of its rules is told at once.

Places of secrets stand here, never secrets; nothing is read from those places.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cleanup.config import bounds, nodes, scalars, vocabulary
from cleanup.config.faults import Fault, Faults
from cleanup.config.nodes import Node, Scalar, Source, compose, read
from cleanup.config.rules_file import RulesFile, load_rules
from cleanup.config.sections import Section, items, scalar, section
from cleanup.config.settings import Pace
from cleanup.guards import Limits
from cleanup.sources import Kind
from cleanup.sources import Source as Place

_NAME = re.compile(r"[\w.-]{1,64}")
#: What a webhook's address may look like, with its secret as the second part.
_ADDRESS = re.compile(r"(/rest/[0-9]+/)([^/\s\"'}]+)")
_MOST_PORTALS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalEntry:
    """One portal of the file."""

    name: str
    #: Where the webhook's address is; None: `oauth` is the way in.
    webhook: Place | None
    #: The credentials file of an application.
    oauth: Path | None
    tags: Mapping[str, str]
    #: With the overrides in it; its text and digest are those of the file.
    rules: RulesFile
    #: Where the file names the portal, for a fault of which only a later step can know.
    place: Fault


@dataclass(frozen=True, slots=True)
class PortalsFile:
    path: Path
    #: In the order of the file; names are unique.
    portals: tuple[PortalEntry, ...]


def load_portals(path: Path) -> PortalsFile:
    """Raises Faults: those of the file, and of each rules file that it names once."""
    try:
        return _loaded(read(path), path)
    except Faults as error:
        raise Faults(_masked(fault) for fault in error.faults) from None


def _loaded(source: Source, path: Path) -> PortalsFile:
    root = compose(source)
    if root is None:
        raise Faults([Fault(source.file, 1, 1, "the file is empty; begin with “portals:”")])
    top = section(source, root, vocabulary.PORTALS_FILE, "the file")
    reader = _Reader(source, path.parent)
    found = () if top is None else reader.read(top)
    if source.faults or reader.faults_of_rules:
        raise Faults([*source.faults, *reader.faults_of_rules])
    return PortalsFile(path, found)


def _masked(fault: Fault) -> Fault:
    """Who writes the address itself into the file must not have it told to the log of the night, too."""
    return replace(fault, message=_mask(fault.message), source=_mask(fault.source))


def _mask(text: str) -> str:
    return _ADDRESS.sub(lambda found: found[1] + "*" * len(found[2]), text)


class _Reader:
    def __init__(self, source: Source, folder: Path) -> None:
        self._source, self._folder = source, folder
        self._lines: dict[str, int] = {}
        self._rules: dict[Path, RulesFile | None] = {}
        self.faults_of_rules: list[Fault] = []

    def read(self, top: Section) -> tuple[PortalEntry, ...]:
        listed = top.require("portals", "it lists the portals")
        each = items(self._source, listed, "portals")
        if listed is not None and not each and not self._source.faults:
            self._source.fault(listed, "no portal is in the list")
        if len(each) > _MOST_PORTALS:
            self._source.fault(each[_MOST_PORTALS], f"a file may have {_MOST_PORTALS} portals")
        return tuple(entry for node in each[:_MOST_PORTALS] if (entry := self._entry(node)) is not None)

    def _entry(self, node: Node) -> PortalEntry | None:
        found = section(self._source, node, vocabulary.PORTAL, "a portal")
        if found is None:
            return None
        name, webhook, oauth = self._name(found), self._webhook(found), self._oauth(found)
        if found.get("webhook") is not None and found.get("oauth") is not None:
            self._source.fault(node, "“webhook” and “oauth” are two ways in; leave one")
        elif found.lacks("webhook", "oauth"):
            self._source.fault(node, "a portal lacks its way in: “webhook” or “oauth”")
        tags, rules = self._tags(found), self._rules_of(found)
        if rules is None:
            return None
        place = self._source.place(node.line, node.column, "")
        return PortalEntry(name=name, webhook=webhook, oauth=oauth, tags=tags, rules=rules, place=place)

    def _name(self, found: Section) -> str:
        node = found.require("name", "messages, logs and the summary call it so")
        name = found.scalar("name", _name, "")
        if name in self._lines and node is not None:
            self._source.fault(node, f"the name “{name}” is taken; line {self._lines[name]} has it")
        elif name and node is not None:
            self._lines[name] = node.line
        return name

    def _webhook(self, found: Section) -> Place | None:
        node = found.get("webhook")
        if isinstance(node, Scalar):
            self._source.fault(
                node, "a place is wanted here, such as {file: acme.webhook}; the address never stands here"
            )
            return None
        inner = section(self._source, node, vocabulary.PLACES, "webhook")
        if inner is None:
            return None
        kinds = [kind for kind in Kind if inner.get(kind) is not None]
        if len(kinds) != 1:
            self._source.fault(inner.node, "one place is wanted here: env, file, credential or keyring")
            return None
        if kinds == [Kind.FILE]:
            path = inner.scalar(Kind.FILE, self._path, None)
            return None if path is None else Place(Kind.FILE, str(path))
        name = inner.scalar(kinds[0], scalars.text, "")
        return Place(kinds[0], name) if name else None

    def _oauth(self, found: Section) -> Path | None:
        return found.scalar("oauth", self._path, None)

    def _path(self, node: Scalar) -> Path:
        """A relative one is beside the portals file, wherever the command is started."""
        text = scalars.text(node)
        if not text:
            raise ValueError("a file is missing here")
        return self._folder / Path(text).expanduser()

    def _tags(self, found: Section) -> dict[str, str]:
        node = found.get("tags")
        if node is None:
            return {}
        if not isinstance(node, nodes.Mapping):
            self._source.fault(node, "tags must be a map of keys and values")
            return {}
        return {key.text: scalar(self._source, value, _tag, "") for key, value in node.pairs}

    def _rules_of(self, found: Section) -> RulesFile | None:
        found.require("rules", "the rules file by which its instances are judged")
        path = found.scalar("rules", self._path, None)
        rules = None if path is None else self._load_once(path)
        overrides = section(self._source, found.get("overrides"), vocabulary.OVERRIDES, "overrides")
        if overrides is None:
            return rules
        limits = bounds.read_limits(self._source, overrides.get("limits"), rules.limits if rules else Limits())
        pace = bounds.read_pace(self._source, overrides.get("pace"), rules.pace if rules else Pace())
        return rules and replace(rules, limits=limits, pace=pace)

    def _load_once(self, path: Path) -> RulesFile | None:
        """Each file once; its faults are told once, too."""
        if path not in self._rules:
            try:
                self._rules[path] = load_rules(path)
            except Faults as error:
                self.faults_of_rules += error.faults
                self._rules[path] = None
        return self._rules[path]


def _name(node: Scalar) -> str:
    name = scalars.text(node)
    if _NAME.fullmatch(name) is None:
        raise ValueError("a name has up to 64 letters, digits, dots, dashes and underscores")
    return name


def _tag(node: Scalar) -> str:
    """A tag is compared as it is written, so a number is as good as a word."""
    return node.text if re.fullmatch("[0-9]+", node.text) else scalars.text(node)
