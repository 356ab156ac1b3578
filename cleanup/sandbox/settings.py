"""Everything that can be chosen about a sandbox before it starts. What changes while it runs lives in faults.py."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cleanup.sandbox.generations import Generation

#: Rows chosen from the population: a number of them (int), a share (float), or their ids.
Choice = int | float | Collection[str]


class Billing(StrEnum):
    """What the load limiter counts (PORTAL.md 4.2)."""

    #: Each sub-call under its own method; `batch` itself is free.
    SUBCALLS = "subcalls"
    #: `batch` as a method of its own at half weight, sub-calls free; going over means a ban.
    BATCH_HALF = "batch_half"
    #: Sub-calls and batches both, with the ban.
    BOTH = "both"
    #: No limiter and no operating fields, as on a box.
    ABSENT = "absent"
    #: Counts like SUBCALLS, but the operating fields are null.
    NULL = "null"

    @property
    def counts_subcalls(self) -> bool:
        return self in {Billing.SUBCALLS, Billing.BOTH, Billing.NULL}

    @property
    def counts_batches(self) -> bool:
        return self in {Billing.BATCH_HALF, Billing.BOTH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A portal to be simulated. Times are seconds unless a note says otherwise."""

    #: Seed and count of the population; with `now` fixed, the same three give the same rows.
    seed: int = 1
    instances: int = 1000
    #: A file with a copy of a real portal (copies.py): its instances, templates and time in place of the three.
    source: Path | None = None
    #: The portal's clock at the start, aware; it ticks on from there. None: the real time.
    now: datetime | None = None
    #: 0: any free port. The host is always 127.0.0.1.
    port: int = 0
    #: PEM files of a certificate and its key: then the portal speaks https. None: http.
    tls: tuple[Path, Path] | None = None
    #: The webhook's owner and secret.
    user: int = 1
    secret: str = "sandbox0demo0key"  # noqa: S105 - a demo text for a loopback server, not a secret
    generation: Generation = Generation.G3
    #: Language of the portal's error texts: ru or en.
    language: str = "ru"
    #: Hours that the server's zone is ahead of UTC.
    utc_offset: float = 3.0
    #: Hours that the owner's zone is ahead of UTC; date filters move by the difference. None: the server's zone.
    user_offset: float | None = None
    licence: str = "ru_pro100"
    scopes: tuple[str, ...] = ("bizproc", "user_brief", "crm", "task")
    administrator: bool = True
    #: False: the plan has no business processes, so their methods do not exist.
    bizproc: bool = True

    #: The server time of one kill or terminate; with a sigma it is the mean of a lognormal distribution.
    kill_seconds: float = 0.05
    kill_sigma: float = 0.0
    #: Replaces the two above: the cost of ending the instance with this id.
    kill_cost: Callable[[str], float] | None = None
    #: The server time of one page of a list.
    list_seconds: float = 0.0
    #: Requests that run at once; the others queue, first come first served.
    workers: int = 8
    #: Added to every request before it reaches a worker.
    latency: float = 0.0
    #: The front end's time limit, counted from when a worker takes the request.
    cut_seconds: float = 60.0

    #: The request bucket: its size (0: no bucket) and outflow a second. None: by the licence.
    bucket: int | None = None
    per_second: float | None = None

    billing: Billing = Billing.SUBCALLS
    operating_limit: float = 480.0
    operating_window: float = 600.0
    ban_seconds: float = 300.0

    #: Rows that always answer kill with an error and stay.
    poison: Choice = 0
    #: Rows whose kill breaks the whole request with HTTP 500.
    crash: Choice = 0
    #: Rows that answer kill with an error although they go.
    vanishing: Choice = 0
    #: Pairs of a parent and the child that it waits for, or the share of all rows; the parent may end with the child.
    families: int | float = 0
    parent_ends: float = 0.5
    #: The chance that any that was ended comes back as a zombie; older generations bring back what was locked.
    zombies: float = 0.0
    #: The share of CRM elements and tasks that instances work on which were deleted.
    gone: float = 0.1
    #: How many instances end, change, lock or appear by themselves, on average before each request (readers.Event).
    life: Mapping[str, float] = field(default_factory=dict)
    #: Rates of troubles by name (faults.Fault, faults.Refusal), drawn from their own seed.
    faults: Mapping[str, float] = field(default_factory=dict)
    fault_seed: int = 1
    #: Seconds over which a slow body comes.
    slow_seconds: float = 1.0
    #: Requests a second that another client behind the same address puts into the bucket.
    neighbour: float = 0.0
    #: Seconds that the portal's clock is ahead of the true one.
    clock_skew: float = 0.0
    #: Switches that change at a count of requests or kills (switches.Later).
    later: tuple[Mapping[str, Any], ...] = ()

    #: The application that may refresh its tokens at /oauth/token/; `access` and `refresh` are its first ones.
    client_id: str = "local.sandbox"
    client_secret: str = "sandbox0application0key"  # noqa: S105 - the same
    #: The address of its own that a login comes back to; "": the portal shows the code on a page.
    handler: str = ""
    #: How long an access token works, and for how many requests; None: any number.
    token_lifetime: float = 3600.0
    token_requests: int | None = None

    @property
    def bucket_size(self) -> int:
        """Portal plans: 50 requests at once, Enterprise 250, a box none (PORTAL.md 4.1, 11)."""
        if self.bucket is not None:
            return self.bucket
        if self.licence.endswith("_selfhosted"):
            return 0
        return 250 if self._enterprise else 50

    @property
    def bucket_outflow(self) -> float:
        if self.per_second is not None:
            return self.per_second
        return 5.0 if self._enterprise else 2.0

    @property
    def _enterprise(self) -> bool:
        return "_ent" in self.licence
