"""Where a document is seen in the portal, where its identity alone tells the address (PORTAL.md 12)."""

import re

_PATHS = {
    "lead": "/crm/lead/details/%/",
    "deal": "/crm/deal/details/%/",
    "contact": "/crm/contact/details/%/",
    "company": "/crm/company/details/%/",
    "quote": "/crm/type/7/details/%/",
    "smart_invoice": "/crm/type/31/details/%/",
    "task": "/company/personal/user/0/tasks/task/view/%/",
}
_DYNAMIC = re.compile(r"dynamic_([0-9]+)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+\Z", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:]+\](:[0-9]+)?", re.ASCII)
_LOOPBACK = re.compile(r"(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?", re.ASCII)


def base(portal: str) -> str:
    """The portal's address; "" where its name is no host, so that nothing is linked."""
    if not _HOST.fullmatch(portal):
        return ""
    return f"{'http' if _LOOPBACK.fullmatch(portal) else 'https'}://{portal}"


def path(document_type: str) -> str:
    """With % where the document's number goes; "" where the kind's address is not known."""
    if dynamic := _DYNAMIC.fullmatch(document_type):
        return f"/crm/type/{dynamic[1]}/details/%/"
    return _PATHS.get(document_type, "")


def number(document_id: str) -> str:
    """The digits at the end of a document id."""
    found = _NUMBER.search(document_id)
    return found[0] if found else ""
