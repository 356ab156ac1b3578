"""A run as one page for people who decide: what was decided, pictures, and the table of its entries."""

from cleanup.reports.html.page import write_page
from cleanup.reports.html.words import LANGUAGES, language_of

__all__ = ["LANGUAGES", "language_of", "write_page"]
