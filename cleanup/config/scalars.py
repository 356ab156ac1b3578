"""Single values of a rules file: texts, numbers, durations and times, each read one way only.

The functions raise ValueError, whose text says what is wrong and what was meant.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from cleanup.config.faults import meant
from cleanup.config.nodes import Scalar

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: Each unit once, the largest first: 1d1d is a slip.
DURATION = re.compile(r"(?=.)([0-9]{1,12}w)?([0-9]{1,12}d)?([0-9]{1,12}h)?([0-9]{1,12}m)?([0-9]{1,12}s)?", re.ASCII)
_MOST_SECONDS = 200 * 366 * 86400
_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.ASCII | re.IGNORECASE)
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?", re.ASCII)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9]*)?", re.ASCII)
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BOOLEANS_OF_OLD = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false"})
_EXAMPLE = "2026-01-31T22:00:00+03:00"
_UNIT_WORDS = {
    r"s(ec|econds?)?": "s",
    r"m(in|inutes?)?": "m",
    r"h(rs?|ours?)?": "h",
    r"d(ays?)?": "d",
    r"w(ks?|eeks?)?": "w",
}
#: The value and the merge of YAML 1.1.
_SIGNS = frozenset({"=", "<<"})
_NULLS = frozenset({"", "~", "null"})


def text(scalar: Scalar) -> str:
    """A text that no YAML reader could take for something else."""
    if any(ord(letter) < 32 and letter not in "\t\n" for letter in scalar.text):
        raise ValueError("a control character stands in this text")
    if not scalar.plain:
        return scalar.text
    if scalar.text.lower() in _NULLS:
        raise ValueError("a value is missing here")
    if scalar.text in _SIGNS:
        raise ValueError(f'{scalar.text} without quotes is a sign to some YAML readers; write "{scalar.text}"')
    if scalar.text.lower() in _BOOLEANS_OF_OLD:
        raise ValueError(f'{scalar.text} without quotes is a yes or no to some YAML readers; write "{scalar.text}"')
    if any(number.fullmatch(scalar.text) for number in (_NUMBER, _SEXAGESIMAL, _NOT_FINITE)):
        raise ValueError(f'{scalar.text} without quotes is a number to YAML readers; write "{scalar.text}"')
    if _TIMESTAMP.fullmatch(scalar.text):
        raise ValueError(f'{scalar.text} without quotes is a date to YAML readers; write "{scalar.text}"')
    return scalar.text


def one_of(known: tuple[str, ...], scalar: Scalar) -> str:
    if scalar.text not in known:
        raise ValueError(f"“{scalar.text}” is not known here.{meant(scalar.text, known)}")
    return scalar.text


def boolean(scalar: Scalar) -> bool:
    if scalar.plain and scalar.text in {"true", "false"}:
        return scalar.text == "true"
    raise ValueError(f"true or false is wanted here, not {_shown(scalar)}")


def whole(scalar: Scalar, *, least: int = 0) -> int:
    """A whole number, quoted or not; written as 5, not 05, 5.0 or 5_000."""
    if _WHOLE.fullmatch(scalar.text) is None or int(scalar.text) < least:
        raise ValueError(f"a whole number from {least} is wanted here, not {_shown(scalar)}")
    return int(scalar.text)


def number(scalar: Scalar, *, above: float, to: float) -> float:
    """A number above one bound and up to another; written as 5 or 0.5, not 05, .5 or 5e1."""
    found = float(scalar.text) if scalar.plain and _DECIMAL.fullmatch(scalar.text) else None
    if found is None or not above < found <= to:
        raise ValueError(f"a number above {above:g}, up to {to:g}, is wanted here, not {_shown(scalar)}")
    return found


def duration(written: str) -> timedelta:
    """90d, 12h, 1d12h: whole numbers with s, m, h, d or w."""
    written = written.strip()
    if not written:
        raise ValueError("a duration is missing here, such as 90d")
    if written.isdecimal() and written.isascii():
        raise ValueError(f"{written} has no unit; write {written}d, {written}h, {written}m or {written}s")
    if re.fullmatch(r"[0-9]+ ?(mo|mon|month|months|y|years?)", written.lower()):
        raise ValueError(f"{written}: months and years differ in length; write days, such as 30d or 365d")
    if DURATION.fullmatch(written) is None:
        raise ValueError(f"{written!r} is no duration; {_duration_meant(written)}")
    seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([0-9]+)([smhdw])", written))
    if not 0 < seconds <= _MOST_SECONDS:
        raise ValueError(f"{written} is no sensible duration; it must be above 0 and at most 200 years")
    return timedelta(seconds=seconds)


def _duration_meant(written: str) -> str:
    for unit, letter in _UNIT_WORDS.items():
        found = re.fullmatch(rf"([1-9][0-9]{{0,11}})\s*{unit}", written.lower())
        if found and not written.endswith("M"):  # months or minutes
            return f"did you mean {found[1]}{letter}?"
    if re.fullmatch(r"([0-9]+[smhdw])+", written):
        return "write each unit once, the largest first, such as 1d12h"
    return "write a whole number with s, m, h, d or w, such as 90d"


def moment(scalar: Scalar, timezone: tzinfo | None) -> datetime:
    """An ISO date or time as UTC; one without an offset is taken in the file's timezone, which must be given then."""
    written = scalar.text.strip()
    try:
        found = datetime.fromisoformat(f"{written}T00:00:00" if _DATE.fullmatch(written) else written)
    except ValueError:
        raise ValueError(f"{written!r} is no ISO date or time, such as 2026-01-31 or {_EXAMPLE}") from None
    if found.tzinfo is None and timezone is None:
        raise ValueError(f"{written} has no offset; give the file a `timezone:`, or write it such as {_EXAMPLE}")
    try:
        return (found if found.tzinfo else found.replace(tzinfo=timezone)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{written} is no sensible time") from None


def _shown(scalar: Scalar) -> str:
    return f"“{scalar.text}”" if scalar.text else "nothing"
