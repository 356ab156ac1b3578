"""A simulated Bitrix24 portal for rehearsals, the demo and tests. It imports nothing from the rest of the package.

What it imitates is written down in PORTAL.md; `Settings` says what can be chosen.
"""

from cleanup.sandbox.faults import Fault, Refusal
from cleanup.sandbox.generations import Generation
from cleanup.sandbox.readers import Event
from cleanup.sandbox.rows import Row, Template
from cleanup.sandbox.server import Sandbox
from cleanup.sandbox.settings import Billing, Settings
from cleanup.sandbox.switches import Faults

__all__ = ["Billing", "Event", "Fault", "Faults", "Generation", "Refusal", "Row", "Sandbox", "Settings", "Template"]
