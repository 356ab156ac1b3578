"""How a request to the portal can go wrong, sorted by the one question that matters: may it have been executed?

PortalError
├── NotExecuted              certainly nothing was done: the same request may be sent again
│   ├── Unreachable          no connection was made (exit 6)
│   │   ├── Untrusted        its certificate, or the encryption with it, is not in order
│   │   └── Misdirected      it redirects to where the secret is not sent
│   ├── RateLimited          503 QUERY_LIMIT_EXCEEDED: wait for the request bucket
│   ├── OperationLimited     429 OPERATION_TIME_LIMIT: wait for the operating budget
│   ├── TokenExpired         an application's token was over, and was renewed
│   ├── Overloaded           OVERLOAD_LIMIT: the whole portal's REST is blocked (exit 6)
│   ├── AccessRefused        webhook, tokens, rights, scope, plan: a person must act (exit 5)
│   ├── OtherPortal          an application's tokens are of another portal than it began with (exit 4)
│   └── Rejected             any other clear refusal
└── AnswerLost               no usable answer: ask the portal what became of it
    ├── Crashed              the portal's own HTTP 500, which takes the rest of a batch down
    └── Unavailable          a 503 without the portal's own words: its front end is busy
"""

from cleanup.errors import AccessError, CleanupError, SafetyStop, StoppedEarly


class PortalError(CleanupError):
    """A request that gave no result. The text never holds a secret.

    It is what came back, with `advice`, what to do about it, behind; "" where there is none.
    """

    def __init__(self, told: str, advice: str = "") -> None:
        super().__init__(f"{told} {advice}".rstrip())
        self.told, self.advice = told, advice


class NotExecuted(PortalError):
    pass


class Unreachable(NotExecuted, StoppedEarly):
    pass


class Untrusted(Unreachable):
    pass


class Misdirected(Unreachable):
    pass


class RateLimited(NotExecuted, StoppedEarly):
    pass


class OperationLimited(NotExecuted, StoppedEarly):
    pass


class TokenExpired(NotExecuted, StoppedEarly):
    pass


class Overloaded(NotExecuted, StoppedEarly):
    pass


class AccessRefused(NotExecuted, AccessError):
    pass


class OtherPortal(NotExecuted, SafetyStop):
    pass


class Rejected(NotExecuted):
    """A clear refusal with the portal's code and text."""

    def __init__(self, message: str, *, code: str = "", text: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.text = text


class AnswerLost(PortalError, StoppedEarly):
    """The connection broke, the time was over, or the answer made no sense."""


class Unavailable(AnswerLost):
    """HTTP 503 as a web page. Most likely nothing was done; wait as for RateLimited, but ask before repeating."""


class Crashed(AnswerLost):
    """HTTP 500: earlier calls of a batch were done, the one that crashed and later ones were not (PORTAL.md 4)."""
