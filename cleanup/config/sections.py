"""Reading positioned nodes section by section: what each key may hold, with every fault noted, none raised."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from cleanup.config.faults import meant, nearest
from cleanup.config.nodes import Mapping, Node, Scalar, Sequence, Source

T = TypeVar("T")
D = TypeVar("D")


class Section:
    """One map of the file: asks for its keys, and at the end knows which were not asked for."""

    def __init__(self, source: Source, node: Mapping, known: Iterable[str], name: str) -> None:
        self.source, self.node, self.name = source, node, name
        self._values = {key.text: (key, value) for key, value in node.pairs}
        #: Keys that a misspelt one was meant to be: told once, not also as missing.
        self._misspelt: set[str] = set()
        self._refuse_unknown(tuple(known))

    def _refuse_unknown(self, known: tuple[str, ...]) -> None:
        for name, (key, _) in self._values.items():
            if name not in known:
                self.source.fault(key, f"{self.name} has no key “{name}”.{meant(name, known)}")
                self._misspelt.update(nearest(name, known))

    def get(self, name: str) -> Node | None:
        return self._values[name][1] if name in self._values else None

    def written(self, name: str) -> str:
        """The value as the file has it; "" where it is no single value."""
        node = self.get(name)
        return node.text if isinstance(node, Scalar) else ""

    def require(self, name: str, why: str) -> Node | None:
        if name not in self._values and name not in self._misspelt:
            self.source.fault(self.node, f"{self.name} lacks “{name}”: {why}")
        return self.get(name)

    def lacks(self, *names: str) -> bool:
        """Whether none of these keys is there, nor a misspelt one that was meant to be one of them."""
        return not any(name in self._values or name in self._misspelt for name in names)

    def scalar(self, name: str, read: Callable[[Scalar], T], default: D) -> T | D:
        """The value of a key that holds one value; the default when it is absent or faulty."""
        node = self.get(name)
        return default if node is None else scalar(self.source, node, read, default)


def section(source: Source, node: Node | None, known: Iterable[str], name: str) -> Section | None:
    """The node as a map; notes a fault when it is something else."""
    if node is None:
        return None
    if not isinstance(node, Mapping):
        source.fault(node, f"{name} must be a map of keys and values")
        return None
    return Section(source, node, known, name)


def scalar(source: Source, node: Node, read: Callable[[Scalar], T], default: D) -> T | D:
    if not isinstance(node, Scalar):
        source.fault(node, "one value is wanted here, not a list or a map")
        return default
    try:
        return read(node)
    except ValueError as error:
        source.fault(node, str(error))
        return default


def items(source: Source, node: Node | None, name: str) -> tuple[Node, ...]:
    """The items of a list; notes a fault when it is something else."""
    if node is None:
        return ()
    if not isinstance(node, Sequence):
        source.fault(node, f"{name} must be a list, each item beginning with “- ”")
        return ()
    return node.items


def one_or_many(node: Node) -> tuple[Node, ...]:
    """A single value, or each value of a list: a list is OR."""
    return node.items if isinstance(node, Sequence) else (node,)
