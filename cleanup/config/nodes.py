"""YAML text → positioned nodes, with every trap of the syntax refused before any meaning is read into it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from cleanup.config.faults import Fault, Faults, legible

MOST_BYTES = 256 * 1024
_MOST_NODES = 50_000
_DEEPEST = 40
_TOO_DEEP = "nested too deeply"
_TAGS = re.compile(r"tag:yaml\.org,2002:(str|int|float|bool|null|timestamp|map|seq|merge|value)")
#: Line breaks to YAML 1.1, but not to YAML 1.2 or to most editors: behind one, a comment is no comment any more.
_HIDDEN_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
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
        return Fault(
            self.file, line, column, legible(message), shown if len(shown) <= 200 and shown.isprintable() else ""
        )


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
    if hidden := _HIDDEN_BREAK.search(text):
        line, column = text.count("\n", 0, hidden.start()) + 1, hidden.start() - text.rfind("\n", 0, hidden.start())
        raise Faults(
            [source.place(line, column, f"this line break, {hidden[0]}, is none to all YAML readers; remove it")]
        )
    return source


def compose(source: Source) -> Node | None:
    """The file's one document as nodes; None when it is empty. Raises Faults when it is no YAML."""
    try:
        deep = _too_deep(source.text)
        root = None if deep else yaml.compose(source.text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise Faults([_syntax(source, error)]) from None
    except yaml.reader.ReaderError as error:
        line = source.text.count("\n", 0, error.position) + 1
        raise Faults([source.place(line, 1, "a character that YAML does not allow")]) from None
    except (RecursionError, yaml.YAMLError, ValueError):
        raise Faults([Fault(source.file, 1, 1, "this cannot be read as YAML")]) from None
    if deep:
        raise Faults([source.place(*deep, _TOO_DEEP)])
    return None if root is None else _Reader(source).node(root, 0)


def _too_deep(text: str) -> tuple[int, int] | None:
    """Line and column where it is: the composer in C recurses without a limit, until the process dies."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            if depth > _DEEPEST:
                mark = event.start_mark
                return (mark.line + 1, mark.column + 1) if mark else (1, 1)
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _syntax(source: Source, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = error.problem or "this cannot be read as YAML"
    if "single document" in f"{error.context} {problem}":
        problem = "a second document begins here; a rules file is one"
    return source.place(line, column, problem)


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
        if _TAGS.fullmatch(node.tag) is None:
            self._source.faults.append(self._source.place(line, column, f"the tag {node.tag} is not allowed"))
        if isinstance(node, yaml.ScalarNode):
            return Scalar(node.value, not node.style, line, column)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(tuple(self.node(item, depth + 1) for item in node.value), line, column)
        return Mapping(tuple(self._pairs(node, depth)), line, column)

    def _pairs(self, node: yaml.Node, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, int] = {}
        for raw_key, raw_value in node.value:
            key, value = self.node(raw_key, depth + 1), self.node(raw_value, depth + 1)
            if not isinstance(key, Scalar):
                self._source.fault(key, "a key must be one word")
            elif key.text in seen:
                self._source.fault(key, f"“{key.text}” stands here twice; first in line {seen[key.text]}")
            else:
                seen[key.text] = key.line
                yield key, value
