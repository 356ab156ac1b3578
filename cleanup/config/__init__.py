"""The YAML files: a strict loader that names every fault with its place, and the values it gives."""

from cleanup.config.faults import Fault, Faults
from cleanup.config.portals_file import PortalEntry, PortalsFile, load_portals
from cleanup.config.rules_file import RulesFile, digest_of, load_rules, parse_rules
from cleanup.config.scalars import duration
from cleanup.config.settings import Pace, Requests

__all__ = [
    "Fault",
    "Faults",
    "Pace",
    "PortalEntry",
    "PortalsFile",
    "Requests",
    "RulesFile",
    "digest_of",
    "duration",
    "load_portals",
    "load_rules",
    "parse_rules",
]
