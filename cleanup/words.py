"""How numbers, and texts of others, are told to a person."""

_LONGEST = 400


def duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clean(text: str) -> str:
    """The text without control characters, which could move the cursor or colour the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def in_brief(text: str) -> str:
    """A text of others inside a message of ours: clean, and of a sensible length."""
    return clean(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def counted(count: int, one: str, several: str = "") -> str:
    """A count with its noun: 1 rule, 2 rules."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
