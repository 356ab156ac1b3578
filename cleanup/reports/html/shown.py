"""Texts of others made harmless to look at. That HTML in them stays text is the templates' part (autoescape)."""

import unicodedata

#: Longest text that the page shows in one cell; the tables have all of it.
LONGEST = 160
_REPLACED = "�"


def shown(text: str, longest: int = LONGEST) -> str:
    """One line without control characters and without marks that turn the direction of what follows."""
    calm = text if text.isprintable() else "".join(map(_letter, text))
    return calm if len(calm) <= longest else calm[: longest - 1] + "…"


def _letter(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() and unicodedata.category(letter) != "Cc" else _space_or_mark(letter)


def _space_or_mark(letter: str) -> str:
    return " " if letter in "\t\n\r" else _REPLACED
