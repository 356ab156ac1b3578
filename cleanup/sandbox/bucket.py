"""The front end's leaky bucket (PORTAL.md 4.1). No clock: whoever asks says what time it is."""


class Bucket:
    """Holds `size` requests and lets `outflow` a second drip out; one that would spill over is refused."""

    def __init__(self, size: int, outflow: float) -> None:
        self._size = size
        self._outflow = outflow
        self._level = 0.0
        self._seen = 0.0

    def __repr__(self) -> str:
        return f"<Bucket {self._level:.1f} of {self._size}, {self._outflow:g}/s>"

    def admit(self, now: float) -> bool:
        """One more request, unless the bucket is full. A refused one adds nothing."""
        if self._size <= 0:
            return True
        self._level = max(0.0, self._level - self._outflow * (now - self._seen))
        self._seen = now
        if self._level + 1 > self._size:
            return False
        self._level += 1
        return True
