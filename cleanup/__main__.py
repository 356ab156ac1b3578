"""The `b24-cleanup` command, also as `python -m cleanup`."""

import gc
from typing import NoReturn

#: New containers, less dropped ones, between two looks for garbage. A start makes many and drops few: with Python's own
#: 700 a sixth of its time is lost. Our values hold no circles, so little waits for the next look.
_SELDOM = 50_000


def main() -> NoReturn:
    """The entry point."""
    gc.set_threshold(_SELDOM)
    from cleanup.cli import main as enter

    enter()


if __name__ == "__main__":
    main()
