"""YAML text → positioned nodes, with every trap of the syntax refused before any meaning is read into it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from cleanup.config import syntax
from cleanup.config.faults import Fault, Faults, legible

MOST_BYTES = 256 * 1024
_MOST_NODES = 50_000
#: Of the forbidden characters of a file, so many are told.
_MOST_CHARACTERS = 20
_DEEPEST = 40
#: Line breaks to YAML 1.1, but not to YAML 1.2 or to most editors: behind one, a comment is no comment any more.
_HIDDEN_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
#: What no YAML reader takes, so it is told with its place before one tries. The readers tell places in bytes here.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str
    #: Written without quotes.
    plain: bool
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple["Node", ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys are unique."""

    pairs: tuple[tuple[Scalar, "Node"], ...]
    line: int
    column: int
    #: A pair was left out, and told.
    lacking: bool = False


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Source:
    """A file's text, and the faults found in it so far."""

    file: str
    text: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, at: Node, message: str) -> None:
        self.faults.append(self.place(at.line, at.column, message))

    def place(self, line: int, column: int, message: str) -> Fault:
        lines = self.text.split("\n")
        shown = lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
        return Fault(self.file, line, column, legible(message), shown)


def read(path: Path) -> Source:
    """Raises Faults, also when the file cannot be read."""
    try:
        if not path.is_file():
            raise Faults([Fault(str(path), 1, 1, "there is no such file")])
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Faults([Fault(str(path), 1, 1, f"the file cannot be read: {error.strerror}")]) from error
    return decode(content, str(path))


def decode(content: bytes, file: str) -> Source:
    """The text of a file. Raises Faults when it is too large, not UTF-8, or has line breaks that nobody sees."""
    if len(content) > MOST_BYTES:
        raise Faults([Fault(file, 1, 1, f"the file is larger than the {MOST_BYTES:,} bytes that are allowed")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise Faults([Fault(file, line, column, "this byte is not UTF-8; save the file as UTF-8")]) from None
    source = Source(file, text)
    told = [
        _told(source, found, "this line break, {}, is none to all YAML readers; remove it")
        for found in _HIDDEN_BREAK.finditer(text)
    ]
    told += [
        _told(source, found, "the character {} cannot stand in YAML; remove it") for found in _FORBIDDEN.finditer(text)
    ]
    if told:
        raise Faults(told[:_MOST_CHARACTERS])
    return source


def _told(source: Source, found: re.Match[str], message: str) -> Fault:
    at = found.start()
    line, column = source.text.count("\n", 0, at) + 1, at - source.text.rfind("\n", 0, at)
    return source.place(line, column, message.format(f"U+{ord(found[0]):04X}"))


def compose(source: Source) -> Node | None:
    """The file's one document as nodes; None when it is empty. Raises Faults when it is no YAML."""
    try:
        return _Composer(source).document()
    except yaml.MarkedYAMLError as error:
        raise Faults([*source.faults, syntax.fault(source.place, error)]) from None
    except (RecursionError, yaml.YAMLError, ValueError) as error:
        if isinstance(error, Faults):
            raise
        raise Faults([Fault(source.file, 1, 1, "this cannot be read as YAML")]) from None


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A node that aliases repeat, with how much that is."""

    node: Node
    count: int
    depth: int


class _Composer:
    """Events → nodes, in one pass. PyYAML's own composer recurses without a limit, and guesses types."""

    def __init__(self, source: Source) -> None:
        self._source = source
        #: Its events, and not `yaml.parse`: a generator more for each of ten thousand events takes a while.
        self._loader = _LOADER(source.text)
        self._anchors: dict[str, _Anchored | None] = {}
        #: Nodes so far, with all that aliases repeat.
        self._count = 0
        #: The deepest node since it was last set back.
        self._deepest = 0

    def document(self) -> Node | None:
        root: Node | None = None
        while self._loader.check_event():
            event = self._next()
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self._refusal(event, syntax.SECOND_DOCUMENT)
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: yaml.NodeEvent, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._measure(event, 1, depth)
        self._note_tag(event)
        if event.anchor is None:
            return self._read(event, depth)
        return self._anchored(event, event.anchor, depth)

    def _read(self, event: yaml.NodeEvent, depth: int) -> Node:
        line, column = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, not event.style, line, column)
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(tuple(self._node(item, depth + 1) for item in self._inner()), line, column)
        raw = [(self._node(key, depth + 1), self._node(self._next(), depth + 1)) for key in self._inner()]
        pairs = tuple(self._pairs(raw))
        return Mapping(pairs, line, column, lacking=len(pairs) < len(raw))

    def _inner(self) -> Iterator[yaml.NodeEvent]:
        while isinstance(event := self._next(), yaml.NodeEvent):
            yield event

    def _next(self) -> Any:
        return self._loader.get_event()

    def _anchored(self, event: yaml.NodeEvent, anchor: str, depth: int) -> Node:
        if anchor in self._anchors:
            raise self._refusal(event, f"the name “&{anchor}” stands here twice")
        self._anchors[anchor] = None
        before, deepest, self._deepest = self._count, self._deepest, depth
        node = self._read(event, depth)
        self._anchors[anchor] = _Anchored(node, self._count - before + 1, self._deepest - depth)
        self._deepest = max(deepest, self._deepest)
        return node

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Node:
        if event.anchor not in self._anchors:
            raise self._refusal(event, f"no “&{event.anchor}” above; put a text that begins with “*” in quotes")
        meant = self._anchors[event.anchor]
        if meant is None:
            raise self._refusal(event, f"nested too deeply: “*{event.anchor}” stands within itself")
        self._measure(event, meant.count, depth + meant.depth)
        return meant.node

    def _measure(self, event: yaml.NodeEvent, count: int, depth: int) -> None:
        self._count += count
        self._deepest = max(self._deepest, depth)
        if depth > _DEEPEST:
            raise self._refusal(event, "nested too deeply")
        if self._count > _MOST_NODES:
            raise self._refusal(event, "aliases make this file explode")

    def _note_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            told = self._source.place(*_place(event), f"the tag {shown} is not allowed; write the plain value")
            self._source.faults.append(told)

    def _pairs(self, raw: list[tuple[Node, Node]]) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        for key, value in raw:
            if not isinstance(key, Scalar):
                self._source.fault(key, "a key must be one word")
            elif key.plain and key.text == "<<":
                self._source.fault(key, "maps are not merged by “<<” here; write a set, and “use:” it")
            elif key.text in seen:
                self._source.fault(key, f"“{key.text}” stands here twice; first in line {seen[key.text]}")
            else:
                seen[key.text] = key.line
                yield key, value

    def _refusal(self, event: yaml.Event, message: str) -> Faults:
        return Faults([*self._source.faults, self._source.place(*_place(event), message)])


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
