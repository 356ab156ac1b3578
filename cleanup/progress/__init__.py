"""What a person sees while a run works: a live view on a terminal, else a line each 30 seconds. It only reads."""

from cleanup.progress.line import describe, describe_listing
from cleanup.progress.listing import ListingMeter
from cleanup.progress.live import watch, watch_listing
from cleanup.progress.meter import Meter
from cleanup.progress.snapshot import Level, Listed, Operating, Snapshot

__all__ = [
    "Level",
    "Listed",
    "ListingMeter",
    "Meter",
    "Operating",
    "Snapshot",
    "describe",
    "describe_listing",
    "watch",
    "watch_listing",
]
