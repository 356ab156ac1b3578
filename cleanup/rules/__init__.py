"""The judgement of instances by rules: judge(instance, now) → Verdict. No clock, no file, no YAML here."""

from cleanup.rules.asked import Asked
from cleanup.rules.book import Protect, Resolved, Rule, RuleBook, Take, UnknownTemplates
from cleanup.rules.documents import DOCUMENT_TYPES, document_type

__all__ = [
    "DOCUMENT_TYPES",
    "Asked",
    "Protect",
    "Resolved",
    "Rule",
    "RuleBook",
    "Take",
    "UnknownTemplates",
    "document_type",
]
