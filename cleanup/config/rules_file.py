"""A whole rules file: its sections, and the RulesFile they give. Every fault of the file is told at once."""

import codecs
import hashlib
import re
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from cleanup.config import doubts, scalars, vocabulary
from cleanup.config.bounds import read_limits, read_pace
from cleanup.config.examples import ExampleReader
from cleanup.config.faults import Fault, Faults, meant, nearest
from cleanup.config.matches import MatchReader
from cleanup.config.nodes import Mapping, Node, Scalar, Source, compose, decode, read
from cleanup.config.sections import Section, items, section
from cleanup.config.settings import Pace
from cleanup.guards import Limits
from cleanup.model import Action
from cleanup.rules import Protect, Rule, RuleBook, Take
from cleanup.rules.asked import is_turned_round
from cleanup.rules.examples import Example
from cleanup.rules.implication import Reasoner
from cleanup.rules.match import Everything, Match

_ID = re.compile(r"[\w.-]{1,64}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_MOST_RULES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """A rules file without faults. Its book's template names are not resolved yet."""

    path: Path
    source: str
    #: "sha256:" and the hex digest of the text.
    digest: str
    portal: str | None
    #: Of dates without an offset; reports tell times in it.
    timezone: tzinfo | None = None
    limits: Limits
    pace: Pace
    book: RuleBook
    #: The section `tests`; they do not change what a plan selects.
    examples: tuple[Example, ...] = ()
    #: What is allowed but hardly meant.
    warnings: tuple[Fault, ...] = ()


def load_rules(path: Path) -> RulesFile:
    """Raises Faults, also when the file cannot be read."""
    return read_source(read(path))


def parse_rules(text: str, file: str) -> RulesFile:
    """The same from a text that was read before, such as a journal's copy. Raises Faults."""
    return read_source(decode(text.encode(errors="surrogatepass"), file))


def digest_of(path: Path) -> str | None:
    """The digest of a rules file as it is now, usable or not; None when there is none."""
    try:
        return _digest(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def read_source(source: Source) -> RulesFile:
    root = compose(source)
    if root is None:
        raise Faults([Fault(source.file, 1, 1, "the file is empty; begin with “version: 1”")])
    top = section(source, root, vocabulary.FILE, "the file")
    found = None if top is None else _File(source, top).read()
    if source.faults or found is None:
        raise Faults(source.faults)
    return found


class _File:
    def __init__(self, source: Source, top: Section) -> None:
        self._source, self._top = source, top
        self._zone = top.scalar("timezone", _zone, None)
        sets = section(source, top.get("sets"), _keys_of(top.get("sets")), "sets")
        self._reasoner = Reasoner()
        self._sets = None if sets is None else sets.node
        self._matches = MatchReader(source, self._zone, self._sets, self._reasoner)
        self._ids: dict[str, int] = {}

    def read(self) -> RulesFile:
        self._version()
        self._matches.read_sets(self._sets)
        protect = tuple(self._protect(node) for node in items(self._source, self._top.get("protect"), "protect"))
        book = RuleBook(protect=protect, rules=self._rules())
        limits = read_limits(self._source, self._top.get("limits"), Limits())
        return RulesFile(
            path=Path(self._source.file),
            source=self._source.text,
            digest=_digest(self._source.text.encode()),
            portal=self._top.scalar("portal", _host, None),
            timezone=self._zone,
            limits=limits,
            pace=read_pace(self._source, self._top.get("pace"), Pace()),
            book=book,
            examples=self._examples(book),
            warnings=() if self._source.faults else self._doubts(book, limits),
        )

    def _examples(self, book: RuleBook) -> tuple[Example, ...]:
        reader = ExampleReader(self._source, self._zone, book, self._ids)
        return tuple(filter(None, map(reader.read, items(self._source, self._top.get("tests"), "tests"))))

    def _doubts(self, book: RuleBook, limits: Limits) -> tuple[Fault, ...]:
        unused = [key for key, _ in self._sets.pairs if key.text not in self._matches.used] if self._sets else []
        section_of_limits, patterns = self._top.get("limits"), self._matches.doubtful
        return (
            *doubts.of_book(book, self._ids, self._source, self._reasoner),
            *doubts.of_values(limits, section_of_limits, unused, patterns, self._source),
        )

    def _version(self) -> None:
        node = self._top.require("version", "write “version: 1” at the top")
        if node is not None and not (isinstance(node, Scalar) and node.plain and node.text == "1"):
            self._source.fault(node, "this version is not known; “version: 1” is")

    def _rules(self) -> tuple[Rule, ...]:
        nodes = items(self._source, self._top.require("rules", "without rules nothing can be ended"), "rules")
        if len(nodes) > _MOST_RULES:
            self._source.fault(nodes[_MOST_RULES], f"a file may have {_MOST_RULES} rules")
        return tuple(rule for node in nodes[:_MOST_RULES] if (rule := self._rule(node)) is not None)

    def _protect(self, node: Node) -> Protect:
        found = section(self._source, node, vocabulary.PROTECT, "a protect entry")
        if found is None:
            return Protect("", Everything())
        match = found.require("match", "it says what is protected")
        return Protect(
            self._id(found),
            Everything() if match is None else self._match(match, ends=False),
            found.scalar("why", scalars.text, ""),
        )

    def _rule(self, node: Node) -> Rule | None:
        found = section(self._source, node, vocabulary.RULE, "a rule")
        if found is None:
            return None
        match = found.require("match", "it says what the rule is about; “match: everything” says all")
        found.require("action", "write keep, terminate or kill")
        return Rule(
            id=self._id(found),
            match=Everything() if match is None else self._match(match, ends=not _keeps(found)),
            action=found.scalar("action", _action, Action.KEEP),
            reason=found.scalar("reason", _reason, ""),
            take=self._take(found),
            line=found.node.line,
        )

    def _match(self, node: Node, *, ends: bool) -> Match:
        match = self._matches.read(node)
        if is_turned_round(match, turned=not ends):
            told = "“newest_of” means the older duplicates, for a rule that ends them"
            self._source.fault(node, f"{told}; it has no place in “protect”, in a keep rule or below “not”")
        return match

    def _id(self, found: Section) -> str:
        node = found.require("id", "it names the rule in plans and reports")
        name = found.scalar("id", _identity, "")
        if name in self._ids and node is not None:
            self._source.fault(node, f"the id “{name}” is taken; line {self._ids[name]} has it")
        elif name and node is not None:
            self._ids[name] = node.line
        return name

    def _take(self, rule: Section) -> Take | None:
        found = section(self._source, rule.get("take"), vocabulary.TAKE, "“take”")
        if found is None:
            return None
        if _keeps(rule):
            self._source.fault(found.node, "“take” has no meaning in a keep rule")
        found.require("count", "a whole number from 1")
        order = found.scalar("order", partial(scalars.one_of, ("oldest", "newest")), "oldest")
        return Take(found.scalar("count", partial(scalars.whole, least=1), 1), order)


def _keeps(rule: Section) -> bool:
    return rule.written("action") == Action.KEEP


def _keys_of(node: Node | None) -> tuple[str, ...]:
    return tuple(key.text for key, _ in node.pairs) if isinstance(node, Mapping) else ()


def _zone(node: Scalar) -> ZoneInfo:
    name = scalars.text(node)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        near = nearest(name, available_timezones(), cutoff=0.8)
        hint = f" Did you mean “{near[0]}”?" if near else " Write one such as Europe/Moscow."
        raise ValueError(f"“{node.text}” is no time zone.{hint}") from None


def _host(node: Scalar) -> str:
    name = scalars.text(node).lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?", name):
        raise ValueError("the portal is a host such as acme.bitrix24.ru, without https:// and without a path")
    return name


def _identity(node: Scalar) -> str:
    name = scalars.text(node)
    if _ID.fullmatch(name) is None:
        raise ValueError("an id has up to 64 letters, digits, dots, dashes and underscores")
    return name


def _action(node: Scalar) -> Action:
    try:
        return Action(node.text)
    except ValueError:
        raise ValueError(f"there is no action “{node.text}”.{meant(node.text, tuple(Action))}") from None


def _reason(node: Scalar) -> str:
    text = scalars.text(node)
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in {"rule", "run"}]
    if unknown:
        raise ValueError(f"“{{{unknown[0]}}}” cannot be filled in; {{rule}} and {{run}} can")
    return text
