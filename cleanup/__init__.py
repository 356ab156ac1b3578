"""b24-cleanup: ends running Bitrix24 workflow instances by rules, without a wrong kill or a lost record."""

__version__ = "0.1.0"
