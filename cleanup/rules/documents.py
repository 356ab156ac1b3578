"""Which kind of document an instance belongs to, from the three parts of its identity (PORTAL.md 12)."""

import re
from dataclasses import dataclass

from cleanup.model import Instance


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    module: str
    entities: frozenset[str]
    document_id: re.Pattern[str]


def _kind(name: str, module: str, entities: str | tuple[str, ...], document_id: str) -> _Kind:
    named = frozenset((entities,) if isinstance(entities, str) else entities)
    return _Kind(name, module, named, re.compile(document_id))


_CRM = r"Bitrix\Crm\Integration\BizProc\Document" + "\\"
_TASKS = r"Bitrix\Tasks\Integration\Bizproc\Document" + "\\"
_DISK = r"Bitrix\Disk" + "\\"
_WORKFLOW = r"Bitrix\Bizproc\Public\Entity\Document\Workflow"
_DYNAMIC = re.compile(r"DYNAMIC_([1-9][0-9]*)_[0-9]+")

_KINDS = (
    _kind("lead", "crm", "CCrmDocumentLead", r"LEAD_[0-9]+"),
    _kind("deal", "crm", "CCrmDocumentDeal", r"DEAL_[0-9]+"),
    _kind("contact", "crm", "CCrmDocumentContact", r"CONTACT_[0-9]+"),
    _kind("company", "crm", "CCrmDocumentCompany", r"COMPANY_[0-9]+"),
    _kind("quote", "crm", _CRM + "Quote", r"QUOTE_[0-9]+"),
    _kind("smart_invoice", "crm", _CRM + "SmartInvoice", r"SMART_INVOICE_[0-9]+"),
    _kind("smart_document", "crm", _CRM + "SmartDocument", r"SMART_DOCUMENT_[0-9]+"),
    _kind("smart_b2e_document", "crm", _CRM + "SmartB2eDocument", r"SMART_B2E_DOC_[0-9]+"),
    _kind("order", "crm", _CRM + "Order", r"ORDER_[0-9]+"),
    _kind("invoice", "crm", _CRM + "Invoice", r"INVOICE_[0-9]+"),
    _kind("shipment", "crm", _CRM + "Shipment", r"ORDER_SHIPMENT_[0-9]+"),
    _kind("feed_process", "lists", "BizprocDocument", r"[0-9]+"),
    _kind("list_element", "lists", r"Bitrix\Lists\BizprocDocumentLists", r"[0-9]+"),
    _kind("disk_file", "disk", (_DISK + "BizProcDocument", _DISK + "BizProcDocumentCompatible"), r"[0-9]+"),
    _kind("task", "tasks", _TASKS + "Task", r"[0-9]+"),
    _kind("flow", "tasks", _TASKS + "Flow", r"[0-9]+"),
    _kind("rpa", "rpa", r"Bitrix\Rpa\Integration\Bizproc\Document\Item", r"[0-9]+:[0-9]+"),
    _kind("iblock", "iblock", "CIBlockDocument", r"[0-9]+"),
    _kind("virtual", "bizproc", ("CBPVirtualDocument", _WORKFLOW), r"[0-9]+|[0-9a-f]{13}[0-9]\.[0-9]{8}"),
)
_BY_IDENTITY = {(kind.module, entity): kind for kind in _KINDS for entity in kind.entities}

#: The names that a rule may use, beside `dynamic_<type id>`.
DOCUMENT_TYPES = tuple(kind.name for kind in _KINDS)


def document_type(instance: Instance) -> str | None:
    """The name of its document type; None unless module, entity and document id all agree on one."""
    module, entity, document_id = instance.module, instance.entity, instance.document_id
    if module is None or entity is None or document_id is None:
        return None
    if module == "crm" and entity == _CRM + "Dynamic":
        dynamic = _DYNAMIC.fullmatch(document_id)
        return None if dynamic is None else f"dynamic_{dynamic[1]}"
    kind = _BY_IDENTITY.get((module, entity))
    return kind.name if kind is not None and kind.document_id.fullmatch(document_id) else None


def sample(name: str) -> tuple[str, str, str]:
    """Module, entity and document id that a document of this type could have."""
    if name.startswith("dynamic_"):
        return "crm", _CRM + "Dynamic", f"{name.upper()}_1"
    kind = next(kind for kind in _KINDS if kind.name == name)
    return kind.module, min(kind.entities), kind.document_id.pattern.split("|")[0].replace("[0-9]+", "1")
