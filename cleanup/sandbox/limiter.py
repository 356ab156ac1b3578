"""The load limiter (PORTAL.md 4.2): seconds of server time by method in a sliding window of ten buckets."""

from dataclasses import dataclass

from cleanup.sandbox.php import number
from cleanup.sandbox.script import NOTICED, Key, Script
from cleanup.sandbox.settings import Billing, Settings

_BUCKETS = 10


@dataclass(slots=True)
class _Bucket:
    seconds: float
    #: Portal time when it is given back: the first call in it, plus the window.
    reset_at: float


class LoadLimiter:
    def __init__(self, settings: Settings) -> None:
        self._billing = Billing(settings.billing)
        self._limit = settings.operating_limit
        self._window = settings.operating_window
        self._ban = settings.ban_seconds
        self._buckets: dict[Key, dict[int, _Bucket]] = {}
        self._banned: dict[Key, float] = {}
        #: Bans so far.
        self.bans = 0

    def __repr__(self) -> str:
        sums = {":".join(key): sum(b.seconds for b in kept.values()) for key, kept in self._buckets.items()}
        return f"<LoadLimiter {sums} of {self._limit:g}, banned {len(self._banned)}>"

    def blocks(self, key: Key, script: Script, now: float) -> bool:
        """Whether a call is refused. Where batches are billed, going over the limit also earns a ban."""
        if self._billing is Billing.ABSENT:
            return False
        if self._banned.get(key, now) > now:
            return True
        if self._sum(key, script, now) <= self._limit:
            return False
        if self._billing.counts_batches:
            self._banned[key] = now + self._ban
            self._buckets.pop(key, None)
            self.bans += 1
        return True

    def gauge(self, key: Key, script: Script, now: float) -> dict[str, int | float | None]:
        """The operating fields of a `time` block."""
        if self._billing is Billing.ABSENT:
            return {}
        if self._billing is Billing.NULL:
            return {"operating_reset_at": None, "operating": None}
        kept = self._kept(key, now)
        reset_at = kept[min(kept)].reset_at if kept else script.began + self._window
        return {"operating_reset_at": int(reset_at), "operating": number(round(self._sum(key, script, now), 6))}

    def store(self, script: Script, now: float) -> None:
        """At the end of a request: its sum for each method is billed if it is big enough to be noticed."""
        if self._billing is Billing.ABSENT:
            return
        for key, tally in script.tallies.items():
            if tally.total > NOTICED:
                bucket = self._buckets.setdefault(key, {}).setdefault(
                    self._number(now), _Bucket(0.0, tally.first + self._window)
                )
                bucket.seconds += tally.total

    def weight(self, key: Key) -> float:
        """The part of a call's time that counts."""
        if key.method == "batch":
            return 0.5 if self._billing.counts_batches else 0.0
        return 1.0 if key.entity or self._billing.counts_subcalls else 0.0

    def _sum(self, key: Key, script: Script, now: float) -> float:
        tally = script.tallies.get(key)
        return sum(bucket.seconds for bucket in self._kept(key, now).values()) + (tally.noticed if tally else 0.0)

    def _kept(self, key: Key, now: float) -> dict[int, _Bucket]:
        """The buckets of a key that are still in the window; the others are forgotten."""
        kept = self._buckets.get(key)
        if not kept:
            return {}
        oldest = self._number(now) - _BUCKETS
        for place in [place for place in kept if place <= oldest]:
            del kept[place]
        return kept

    def _number(self, now: float) -> int:
        return int(now // (self._window / _BUCKETS))
