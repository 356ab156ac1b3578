"""What the YAML reader complains about, in words that say what was probably meant."""

from collections.abc import Callable

import yaml

from cleanup.config.faults import Fault

SECOND_DOCUMENT = "a second document begins here; a file is one"
_DO_NOT_FIT = "the lines above do not fit: check the indentation, and that brackets and quotes are closed"
#: Words of the reader (the one in C, and the one in Python), and ours. The first that fits is told.
_WORDS = {
    "<document start>": "the file has ended before this line; remove “...”, or check the indentation",
    "tab character": "a tab stands in the indentation; indent with blanks",
    "cannot start any token": "no value begins with this character; indent with blanks, and put such a text in quotes",
    "alphabetic or numeric": "“*” and “&” begin a name here; put a text that begins with them in quotes",
    "mapping values are not allowed": "check the indentation, and put a text that holds “: ” in quotes",
    "sequence entries are not allowed": "a “- ” cannot stand here; check the indentation",
    "expected ':'": "a key lacks its “:”",
    "expected ',' or '}'": "a comma or “}” is missing before this",
    "expected ',' or ']'": "a comma or “]” is missing before this",
    "expected key": _DO_NOT_FIT,
    "expected <block end>": _DO_NOT_FIT,
    "expected '-' indicator": "an item of a list must begin with “- ”, as far to the right as the others",
    "node content": "a value is missing here, or a bracket is not closed",
    "unexpected end of stream": "the file ends here within quotes or brackets",
    "document separator": "the file ends here within quotes or brackets",
    "escape": "a “\\” in double quotes begins a code; write “\\\\”, or use single quotes",
    "tag": "a text that begins with “!” is a tag to YAML; put it in quotes",
    "incompatible YAML": "this is not YAML 1.1 or 1.2",
}


def fault(place: Callable[[int, int, str], Fault], error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    begun = error.context_mark.line + 1 if error.context_mark else line
    words = _words(error)
    since = "" if begun == line or "document" in words else f"; this began in line {begun}"
    return place(line, column, words + since)


def _words(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.context} {error.problem}"
    return next((ours for theirs, ours in _WORDS.items() if theirs in said), "this cannot be read as YAML")
