"""The `pace` of a rules file, as a value with its defaults (DESIGN.md 4)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requests:
    """A request bucket of one's own choice."""

    burst: float
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a portal may be asked. `auto` takes it from the licence, or from what is measured."""

    #: auto, off, or a bucket.
    requests: str | Requests = "auto"
    #: Seconds of server time a method may use in the portal's window.
    operating_limit: float = 480.0
    #: The part of it that we use, 0 to 1.
    operating_share: float = 0.9
    #: Seconds that one batch should take; the portal cuts a request at 60.
    batch_seconds: float = 10.0
    #: Requests in flight: auto or a number.
    concurrency: str | int = "auto"
    #: How many times longer a kill may take than on a portal without load of ours, for `auto`.
    max_slowdown: float = 1.5
