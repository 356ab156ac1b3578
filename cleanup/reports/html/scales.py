"""Axes: round steps for numbers, for hours of age and for seconds of a run. Arithmetic only."""

import math
from bisect import bisect_left

_HOURS = (1, 2, 6, 12, 24, 48, 120, 168, 336, 720, 1440, 2160, 4320, 8760, 17520, 43800)
_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def hours_step(span: float, most: int) -> int:
    """The smallest round step with which `span` hours make at most `most` steps."""
    return _HOURS[min(bisect_left(_HOURS, span / most), len(_HOURS) - 1)]


def seconds_step(span: float, most: int) -> float:
    return _SECONDS[min(bisect_left(_SECONDS, span / most), len(_SECONDS) - 1)]


def top(value: float) -> float:
    """The smallest of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten that is not below `value`."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999))
