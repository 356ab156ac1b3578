"""The YAML files: a strict loader that names every fault with its place, and the values it gives."""

from cleanup.config.faults import Fault, Faults
from cleanup.config.rules_file import RulesFile, digest_of, load_rules, parse_rules
from cleanup.config.scalars import duration
from cleanup.config.settings import Pace, Requests

__all__ = ["Fault", "Faults", "Pace", "Requests", "RulesFile", "digest_of", "duration", "load_rules", "parse_rules"]
