"""A fault of a file: where, what is wrong, what was meant. All of a file's faults are told at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from cleanup.config.vocabulary import BORROWED

_LONGEST = 500
#: Letters of the line that are shown before and behind the place.
_AROUND = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """A place in a file, counted from 1, and what is wrong there."""

    file: str
    line: int
    column: int
    message: str
    #: The line of the file, "" where there is none to show.
    source: str = ""

    def __str__(self) -> str:
        told = f"{self.file}:{self.line}:{self.column}: {self.message}"
        if not self.source:
            return told
        begin = max(0, self.column - _AROUND)
        shown = "".join(map(_visible, self.source[begin : self.column + _AROUND]))
        # A tab before the caret must stay a tab, or the caret points elsewhere.
        indent = "".join("\t" if letter == "\t" else " " for letter in shown[: self.column - 1 - begin])
        return f"{told}\n    {shown}\n    {indent}^"


def _visible(letter: str) -> str:
    return letter if letter == "\t" or letter.isprintable() else "�"


class Faults(ValueError):
    """A file with faults; its text is all of them, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        # What an alias repeats is at fault in one place only.
        once = dict.fromkeys(faults)
        self.faults = tuple(sorted(once, key=lambda fault: (fault.line, fault.column)))
        super().__init__("\n".join(map(str, self.faults)))


def legible(message: str) -> str:
    """A message that quotes a file, safe for a terminal: in one line, of a sensible length."""
    shown = message if len(message) <= _LONGEST else message[:_LONGEST] + "…"
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)


def meant(word: str, known: Iterable[str]) -> str:
    """ " Did you mean …?", or the list of what there is."""
    known = list(known)
    near = nearest(word, known)
    return f" Did you mean “{near[0]}”?" if near else f" There is: {', '.join(known)}."


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The one word that was probably meant, or none."""
    known, word = list(known), word.lower()
    borrowed = [ours] if (ours := BORROWED.get(word)) in known else []
    same = [name for name in known if name.lower() == word]
    lower = {name.lower(): name for name in known}
    return same or borrowed or [lower[name] for name in difflib.get_close_matches(word, lower, n=1, cutoff=cutoff)]
