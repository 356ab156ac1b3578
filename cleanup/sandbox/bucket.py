"""The front end's leaky bucket (PORTAL.md 4.1). No clock: whoever asks says what time it is."""

from random import Random

#: Requests of another client that are counted at once; more than any bucket holds.
_MOST_OTHERS = 1000


class Bucket:
    """Holds `size` requests and lets `outflow` a second drip out; one that would spill over is refused."""

    def __init__(self, size: int, outflow: float) -> None:
        self._size = size
        self._outflow = outflow
        self._level = 0.0
        self._seen = 0.0

    def __repr__(self) -> str:
        return f"<Bucket {self._level:.1f} of {self._size}, {self._outflow:g}/s>"

    def admit(self, now: float, *, others: float = 0.0) -> bool:
        """One more request, unless the bucket is full. A refused one adds nothing.

        `others`: requests a second that someone else has sent meanwhile, refused alike.
        """
        if self._size <= 0:
            return True
        for moment in self._arrivals(now, others):
            self._put(moment)
        return self._put(now)

    def _arrivals(self, now: float, others: float) -> list[float]:
        """Since the last request: so many a second, at uneven distances, the same for the same times."""
        if others <= 0:
            return []
        first, last = int(self._seen * others), int(now * others)
        places = range(max(first - 1, last - _MOST_OTHERS), last + 1)
        moments = ((place + Random(place).random()) / others for place in places)
        return [moment for moment in moments if self._seen < moment <= now]

    def _put(self, now: float) -> bool:
        self._level = max(0.0, self._level - self._outflow * (now - self._seen))
        self._seen = now
        if self._level + 1 > self._size:
            return False
        self._level += 1
        return True
