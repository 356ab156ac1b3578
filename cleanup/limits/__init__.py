"""The portal's limits as arithmetic: no clock, no sleep, no socket here."""

from cleanup.limits.batches import SMALL_BATCH, BatchSize
from cleanup.limits.concurrency import MOST_IN_FLIGHT, Concurrency
from cleanup.limits.forecast import GUESSES, Forecast, Learned, Pacing, forecast
from cleanup.limits.operating import UNKNOWN_RESET, Charge, Gauge, OperatingBudget, Reading, UnitCost
from cleanup.limits.request_rate import ENTERPRISE_RATE, ORDINARY_RATE, RequestPace, RequestRate, rate_of
from cleanup.limits.time_left import USUAL_WINDOW, Bound, BucketOutflow, MethodBudget, WorkLeft, time_left

__all__ = [
    "ENTERPRISE_RATE",
    "GUESSES",
    "MOST_IN_FLIGHT",
    "ORDINARY_RATE",
    "SMALL_BATCH",
    "UNKNOWN_RESET",
    "USUAL_WINDOW",
    "BatchSize",
    "Bound",
    "BucketOutflow",
    "Charge",
    "Concurrency",
    "Forecast",
    "Gauge",
    "Learned",
    "MethodBudget",
    "OperatingBudget",
    "Pacing",
    "Reading",
    "RequestPace",
    "RequestRate",
    "UnitCost",
    "WorkLeft",
    "forecast",
    "rate_of",
    "time_left",
]
