"""Document types, as PORTAL.md 12 lists them: module, entity and document id must all agree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanup.model import Instance
from cleanup.rules import DOCUMENT_TYPES, document_type

CRM = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"
TABLE = [
    ("lead", "crm", "CCrmDocumentLead", "LEAD_1"),
    ("deal", "crm", "CCrmDocumentDeal", "DEAL_204"),
    ("contact", "crm", "CCrmDocumentContact", "CONTACT_5"),
    ("company", "crm", "CCrmDocumentCompany", "COMPANY_5"),
    ("quote", "crm", CRM + "Quote", "QUOTE_7"),
    ("smart_invoice", "crm", CRM + "SmartInvoice", "SMART_INVOICE_31"),
    ("dynamic_128", "crm", CRM + "Dynamic", "DYNAMIC_128_9"),
    ("smart_document", "crm", CRM + "SmartDocument", "SMART_DOCUMENT_3"),
    ("smart_b2e_document", "crm", CRM + "SmartB2eDocument", "SMART_B2E_DOC_3"),
    ("order", "crm", CRM + "Order", "ORDER_11"),
    ("invoice", "crm", CRM + "Invoice", "INVOICE_11"),
    ("shipment", "crm", CRM + "Shipment", "ORDER_SHIPMENT_11"),
    ("feed_process", "lists", "BizprocDocument", "501"),
    ("list_element", "lists", "Bitrix\\Lists\\BizprocDocumentLists", "502"),
    ("disk_file", "disk", "Bitrix\\Disk\\BizProcDocument", "12"),
    ("disk_file", "disk", "Bitrix\\Disk\\BizProcDocumentCompatible", "12"),
    ("task", "tasks", "Bitrix\\Tasks\\Integration\\Bizproc\\Document\\Task", "90"),
    ("flow", "tasks", "Bitrix\\Tasks\\Integration\\Bizproc\\Document\\Flow", "4"),
    ("rpa", "rpa", "Bitrix\\Rpa\\Integration\\Bizproc\\Document\\Item", "3:44"),
    ("iblock", "iblock", "CIBlockDocument", "77"),
    ("virtual", "bizproc", "CBPVirtualDocument", "8"),
    ("virtual", "bizproc", "Bitrix\\Bizproc\\Public\\Entity\\Document\\Workflow", "66e412fdc9bd44.36306599"),
]


@pytest.mark.parametrize(("name", "module", "entity", "document"), TABLE)
def test_a_type_needs_all_three_parts(name: str, module: str, entity: str, document: str) -> None:
    whole = Instance(id="x", module=module, entity=entity, document_id=document)
    assert document_type(whole) == name
    for wrong in ({"module": "other"}, {"entity": entity + "X"}, {"document_id": "?"}, {"document_id": document + "x"}):
        assert document_type(replace(whole, **wrong)) is None
    for missing in ("module", "entity", "document_id"):
        assert document_type(replace(whole, **{missing: None})) is None


def test_every_type_that_a_rule_may_name_is_in_the_table() -> None:
    assert {name for name, *_ in TABLE if not name.startswith("dynamic_")} == set(DOCUMENT_TYPES)


def test_a_zombie_has_no_type() -> None:
    """PORTAL.md 7: after the race a row comes back with three empty parts."""
    assert document_type(Instance(id="x", module="", entity="", document_id="")) is None


@given(st.builds(Instance, id=st.text(), module=st.text(), entity=st.text(), document_id=st.text()))
def test_no_text_makes_it_fail(row: Instance) -> None:
    document_type(row)
