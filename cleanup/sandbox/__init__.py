"""A simulated Bitrix24 portal for rehearsals, the demo and tests. It imports nothing from the rest of the package.

What it imitates is written down in PORTAL.md; `Settings` says what can be chosen.
"""

from cleanup.sandbox.faults import Fault, Faults
from cleanup.sandbox.rows import Row, Template
from cleanup.sandbox.server import Sandbox
from cleanup.sandbox.settings import Billing, Generation, Settings

__all__ = ["Billing", "Fault", "Faults", "Generation", "Row", "Sandbox", "Settings", "Template"]
