"""`python -m tests.at_once` is the command, which repeats a question as often as ever, but without a wait."""

import stamina

from cleanup.cli import main
from cleanup.portal.client import Reader


def without_waits() -> None:
    stamina.set_testing(True, attempts=Reader.patience[0])


if __name__ == "__main__":
    without_waits()
    main()
