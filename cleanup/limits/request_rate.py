"""The request bucket: what a licence allows, and how fast to go while others fill the same one (PORTAL.md 4.1)."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class RequestRate:
    """A leaky bucket: `burst` requests at once, `per_second` flowing out."""

    burst: float
    per_second: float


ORDINARY_RATE = RequestRate(50, 2)
ENTERPRISE_RATE = RequestRate(250, 5)


def rate_of(licence: str | None) -> RequestRate | None:
    """The bucket of a licence name such as ru_std or ru_ent250; None: no limit, as self-hosted portals have it."""
    name = (licence or "").lower()
    if name.endswith("selfhosted"):
        return None
    family = name.split("_", 1)[-1]
    return ENTERPRISE_RATE if family.startswith("ent") else ORDINARY_RATE


class RequestPace:
    """How fast requests may go: halved when the portal says "too many", then slowly back (additive increase).

    At a refusal the bucket is full. From one refusal to the next it went from full to full, so what was let in
    meanwhile is what others leave us: that is known then, and there is no need to halve. A refusal soon after another
    tells no more than that it was not slow enough yet, and halves nothing once more: the bucket is still full.
    """

    _LOWEST = 1 / 16
    _STEP = 1 / 16
    _CALM = 10
    #: What others leave is told by so many seconds and requests at least, and taken by this part: the bucket drains.
    _LONG, _MANY, _PART = 5.0, 5, 0.85

    def __init__(self, rate: RequestRate) -> None:
        self._rate = rate
        self._factor = 1.0
        self._calm = 0
        #: When the bucket was full last, and what was sent since.
        self._full_at = -inf
        self._sent = 0

    def __repr__(self) -> str:
        return f"<RequestPace {self.per_second:g}/s of {self._rate.per_second:g}/s>"

    @property
    def burst(self) -> float:
        return self._rate.burst

    @property
    def per_second(self) -> float:
        return self._rate.per_second * self._factor

    @property
    def is_full(self) -> bool:
        return self._factor >= 1.0

    def refused(self, now: float) -> None:
        """The portal refused at `now`, in seconds on a clock that never goes back."""
        seconds, let_in = now - self._full_at, self._sent - 1
        if self._LONG <= seconds < inf and let_in >= self._MANY:
            factor = self._PART * let_in / seconds / self._rate.per_second
        else:
            factor = self._factor * (self._PART if seconds < self._LONG else 0.5)
        self._factor = min(1.0, max(self._LOWEST, factor))
        self._full_at, self._sent, self._calm = now, 0, 0

    def sent(self, requests: int = 1) -> None:
        """So many more went; -1: one of them did not go after all."""
        self._sent += requests

    def accepted(self) -> bool:
        """One more request went through. True: the rate has just changed."""
        self._calm += 1
        if self._factor >= 1.0 or self._calm < self._CALM:
            return False
        self._calm = 0
        self._factor = min(1.0, self._factor + self._STEP)
        return True
