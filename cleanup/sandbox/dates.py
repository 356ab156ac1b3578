"""Dates as the portal prints and reads them. No clock here: whoever asks says what time it is."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

DAY = 86400
_UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": DAY, "week": 7 * DAY}
_ABSOLUTE = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)|(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4}))"
    r"(?:[T ]\s*(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"(?P<count>[+-]?\s*\d+)\s*(?P<unit>[a-z]+?)s?(?P<ago>\s+ago)?", re.IGNORECASE)


@dataclass(slots=True)
class Zone:
    """The server's zone: a fixed offset. Prints seconds since 1970 as ISO texts, fast, by remembering days."""

    offset: int
    suffix: str = ""
    _days: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hours, minutes = divmod(abs(self.offset) // 60, 60)
        self.suffix = f"{'-' if self.offset < 0 else '+'}{hours:02}:{minutes:02}"

    def iso(self, moment: int) -> str:
        day, second = divmod(moment + self.offset, DAY)
        text = self._days.get(day) or self._day(day)
        return f"{text}{_MINUTES[second // 60]}{_SECONDS[second % 60]}{self.suffix}"

    def _day(self, day: int) -> str:
        text = self._days[day] = datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%dT")
        return text


_SECONDS = [f"{second:02}" for second in range(60)]
_MINUTES = [f"{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60)]


def read_date(text: str, *, now: int, zone: Zone) -> int | None:
    """A useful part of what strtotime reads, as seconds since 1970; None for what it could not read."""
    text = text.strip()
    if text.startswith("@") and text[1:].isdigit():
        return int(text[1:])
    if match := _ABSOLUTE.fullmatch(text):
        return _absolute(match, zone)
    if match := _RELATIVE.fullmatch(text):
        return _relative(match, now)
    return _word(text.lower(), now, zone)


def _absolute(match: re.Match[str], zone: Zone) -> int | None:
    year, month, day = (match["year"], match["month"], match["day"]) if match["year"] else match.group("y", "m", "d")
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=_offset(match["zone"], zone))
    except ValueError:
        return None
    return int(moment.timestamp())


def _offset(text: str | None, zone: Zone) -> timezone:
    if text is None:
        return timezone(timedelta(seconds=zone.offset))
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _relative(match: re.Match[str], now: int) -> int | None:
    unit = _UNITS.get(match["unit"].lower())
    if unit is None:
        return None
    seconds = int(match["count"].replace(" ", "")) * unit
    return now - seconds if match["ago"] else now + seconds


def _word(word: str, now: int, zone: Zone) -> int | None:
    midnight = now - (now + zone.offset) % DAY
    return {"now": now, "today": midnight, "midnight": midnight, "yesterday": midnight - DAY}.get(word)
