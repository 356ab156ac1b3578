"""The request bucket: what a licence allows, and how fast to go while others fill the same one (PORTAL.md 4.1)."""

from dataclasses import dataclass


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
    """How fast requests may go: halved when the portal says "too many", then slowly back (additive increase)."""

    _LOWEST = 1 / 16
    _STEP = 1 / 16
    _CALM = 10

    def __init__(self, rate: RequestRate) -> None:
        self._rate = rate
        self._factor = 1.0
        self._calm = 0

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

    def refused(self) -> None:
        self._factor = max(self._LOWEST, self._factor / 2)
        self._calm = 0

    def accepted(self) -> bool:
        """One more request went through. True: the rate has just changed."""
        self._calm += 1
        if self._factor >= 1.0 or self._calm < self._CALM:
            return False
        self._calm = 0
        self._factor = min(1.0, self._factor + self._STEP)
        return True
