"""YAML text → positioned nodes, with every trap of the syntax refused before any meaning is read into it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from cleanup.config import syntax
from cleanup.config.faults import Fault, Faults, legible

MOST_BYTES = 256 * 1024
_MOST_NODES = 50_000
#: Of the forbidden characters of a file, so many are told.
_MOST_CHARACTERS = 20
_DEEPEST = 40
_TOO_DEEP = "nested too deeply"
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
        deep = _scan(source)
        root = None if deep else yaml.compose(source.text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise Faults([*source.faults, syntax.fault(source.place, error)]) from None
    except (RecursionError, yaml.YAMLError, ValueError):
        raise Faults([Fault(source.file, 1, 1, "this cannot be read as YAML")]) from None
    if deep:
        raise Faults([source.place(*deep, _TOO_DEEP)])
    return None if root is None else _Reader(source).node(root, 0)


def _scan(source: Source) -> tuple[int, int] | None:
    """Notes tags, and returns line and column of what is nested too deeply.

    The composer in C recurses without a limit, until the process dies; and it does not tell a tag that was written
    from one that it found itself.
    """
    depth = 0
    for event in yaml.parse(source.text, Loader=_LOADER):
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if tag := getattr(event, "tag", None):
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            source.faults.append(source.place(line, column, f"the tag {shown} is not allowed; write the plain value"))
        if isinstance(event, yaml.CollectionStartEvent):
            if depth > _DEEPEST:
                return line, column
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


class _Reader:
    """Copies PyYAML's nodes into ours; aliases are followed, but only so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0

    def node(self, node: yaml.Node, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self._count += 1
        if depth > _DEEPEST or self._count > _MOST_NODES:
            what = _TOO_DEEP if depth > _DEEPEST else "aliases make this file explode"
            raise Faults([self._source.place(line, column, what)])
        if isinstance(node, yaml.ScalarNode):
            return Scalar(node.value, not node.style, line, column)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.node(item, depth + 1) for item in node.value), line, column)
        pairs = tuple(self._pairs(node, depth))
        return Mapping(pairs, line, column, lacking=len(pairs) < len(node.value))

    def _pairs(self, node: yaml.Node, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        for raw_key, raw_value in node.value:
            key, value = self.node(raw_key, depth + 1), self.node(raw_value, depth + 1)
            if not isinstance(key, Scalar):
                self._source.fault(key, "a key must be one word")
            elif key.plain and key.text == "<<":
                self._source.fault(key, "maps are not merged by “<<” here; write a set, and “use:” it")
            elif key.text in seen:
                self._source.fault(key, f"“{key.text}” stands here twice; first in line {seen[key.text]}")
            else:
                seen[key.text] = key.line
                yield key, value
