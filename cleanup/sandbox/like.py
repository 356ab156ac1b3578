r"""SQL's LIKE as the portal's bare filter key uses it: unescaped, without regard to case (PORTAL.md 3.2)."""

import re
from collections.abc import Callable

Matcher = Callable[[str], bool]


def like(pattern: str) -> Matcher:
    r"""Whether a text is LIKE the pattern: `_` is one character, `%` any number, a backslash takes itself away.

    Digits alone are compared exactly, which only makes a difference in speed.
    """
    if is_plain(pattern):
        folded = pattern.lower()
        return lambda text: text.lower() == folded
    expression = re.compile(_expression(pattern), re.IGNORECASE | re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def is_plain(pattern: str) -> bool:
    """Whether LIKE can match nothing but the pattern itself."""
    return not set(pattern) & set("_%\\")


def _expression(pattern: str) -> str:
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"_": ".", "%": ".*"}.get(character) or re.escape(character))
    return "".join(parts)
