"""How a call or a whole request fails on the portal.

RestError       an error with a code and a text: the answer of one call
ScriptStopped   the whole request ends without an answer of its own
├── Cut         the time limit ran out: 504
└── Crashed     PHP could not go on: 500
"""


class RestError(Exception):
    """A method's error. The code may be empty (PORTAL.md 1)."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.status = status

    def answer(self) -> dict[str, str]:
        return {"error": self.code, "error_description": self.text}


class ScriptStopped(Exception):
    """What was done so far stays done; nothing more is."""


class Cut(ScriptStopped):
    """The front end gave up waiting."""


class Crashed(ScriptStopped):
    """An uncaught PHP error, as with a missing activity class."""
