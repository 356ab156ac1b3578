"""The made-up company's documents and templates. The same for every seed."""

from typing import NamedTuple

from cleanup.sandbox.rows import Template
from cleanup.sandbox.world import AUTOMATION

_CRM = "Bitrix\\Crm\\Integration\\BizProc\\Document\\"


class Document(NamedTuple):
    """A kind of document (PORTAL.md 12). In `pattern`, {n} is a number and {workflow} an instance's ID."""

    module: str
    entity: str
    pattern: str
    #: What template.list calls the type.
    type: str
    #: How often it occurs, relative to the others.
    weight: int


DOCUMENTS = (
    Document("crm", "CCrmDocumentLead", "LEAD_{n}", "LEAD", 24),
    Document("crm", "CCrmDocumentDeal", "DEAL_{n}", "DEAL", 24),
    Document("crm", "CCrmDocumentContact", "CONTACT_{n}", "CONTACT", 6),
    Document("crm", "CCrmDocumentCompany", "COMPANY_{n}", "COMPANY", 5),
    Document("crm", f"{_CRM}Quote", "QUOTE_{n}", "QUOTE", 2),
    Document("crm", f"{_CRM}SmartInvoice", "SMART_INVOICE_{n}", "SMART_INVOICE", 4),
    Document("crm", f"{_CRM}Dynamic", "DYNAMIC_128_{n}", "DYNAMIC_128", 8),
    Document("crm", f"{_CRM}Dynamic", "DYNAMIC_1036_{n}", "DYNAMIC_1036", 4),
    Document("crm", f"{_CRM}SmartDocument", "SMART_DOCUMENT_{n}", "SMART_DOCUMENT", 1),
    Document("crm", f"{_CRM}SmartB2eDocument", "SMART_B2E_DOC_{n}", "SMART_B2E_DOC", 1),
    Document("crm", f"{_CRM}Order", "ORDER_{n}", "ORDER", 1),
    Document("crm", f"{_CRM}Invoice", "INVOICE_{n}", "INVOICE", 1),
    Document("crm", f"{_CRM}Shipment", "ORDER_SHIPMENT_{n}", "ORDER_SHIPMENT", 1),
    Document("lists", "BizprocDocument", "{n}", "iblock_12", 14),
    Document("lists", "Bitrix\\Lists\\BizprocDocumentLists", "{n}", "iblock_31", 6),
    Document("disk", "Bitrix\\Disk\\BizProcDocument", "{n}", "STORAGE_1", 2),
    Document("disk", "Bitrix\\Disk\\BizProcDocumentCompatible", "{n}", "STORAGE_2", 1),
    Document("tasks", "Bitrix\\Tasks\\Integration\\Bizproc\\Document\\Task", "{n}", "TASK", 3),
    Document("tasks", "Bitrix\\Tasks\\Integration\\Bizproc\\Document\\Flow", "{n}", "FLOW", 1),
    Document("rpa", "Bitrix\\Rpa\\Integration\\Bizproc\\Document\\Item", "1:{n}", "1", 2),
    Document("iblock", "CIBlockDocument", "{n}", "iblock_4", 1),
    Document("bizproc", "CBPVirtualDocument", "{n}", "type_7", 1),
    Document("bizproc", "Bitrix\\Bizproc\\Public\\Entity\\Document\\Workflow", "{workflow}", "WORKFLOW", 1),
)

_NAMES = (
    *("Согласование договора", "Согласование счёта", "Согласование отпуска", "Согласование закупки"),
    *("Согласование скидки", "Согласование командировки", "Обработка заявки", "Обработка обращения"),
    *("Обработка возврата", "Контроль оплаты", "Контроль сроков", "Контроль просроченных сделок"),
    *("Приём сотрудника", "Увольнение сотрудника", "Выдача доверенности", "Заявка на пропуск"),
    *("Заявка в АХО", "Подготовка коммерческого предложения", "Начисление премии", "Распределение лидов"),
    *("Повторный звонок", "Оценка качества", "Сбор обратной связи", "Закрывающие документы"),
    *("Lead routing", "Lead nurturing", "Deal approval", "Contract approval", "Invoice approval", "Expense report"),
    *("Vacation request", "Onboarding", "Offboarding", "Purchase order", "Quality check", "Payment reminder"),
    *("Document review", "NDA signing", "Equipment request", "Weekly report"),
)
_FIRST_ID = 11
_LISTED_EACH = 3


def templates(modified: int) -> list[Template]:
    """All templates that exist: three listed ones and a robot's for each kind of document.

    There are more places than names, so that some names belong to two templates of different documents.
    """
    made: list[Template] = []
    for place in range(len(DOCUMENTS) * (_LISTED_EACH + 1)):
        document = DOCUMENTS[place % len(DOCUMENTS)]
        robot = place >= len(DOCUMENTS) * _LISTED_EACH
        made.append(_template(place, document, robot=robot, modified=modified - place * 86_400))
    return made


def _template(place: int, document: Document, *, robot: bool, modified: int) -> Template:
    return Template(
        id=_FIRST_ID + 3 * place,
        module=document.module,
        entity=document.entity,
        document_type=document.type,
        auto_execute=AUTOMATION if robot else place % 4,
        name="" if robot else _NAMES[place % len(_NAMES)],
        modified=modified,
        user_id=1 + place % 7,
        system_code="",
    )


#: IDs of templates that were deleted while their instances run on: no list shows them.
DELETED = tuple(_FIRST_ID + 1 + 3 * place for place in range(len(DOCUMENTS)))
