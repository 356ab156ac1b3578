"""Names from the portal are hostile: nothing in them may act, hide or turn the text."""

import pytest

from cleanup.reports.html import links
from cleanup.reports.html.shown import shown


@pytest.mark.parametrize(
    ("text", "calm"),
    [
        pytest.param("Согласование 一", "Согласование 一", id="letters stay"),
        pytest.param("a\u202ebc\u2066d\u200f", "a�bc�d�", id="direction marks"),
        pytest.param("a\x1b[31m\x00b", "a�[31m�b", id="control characters"),
        pytest.param("a\r\n\tb\u00a0c\u2028d", "a   b c d", id="white space is one line"),
        pytest.param("x" * 200, "x" * 159 + "…", id="long"),
        pytest.param("\ud800", "�", id="half a pair"),
    ],
)
def test_a_text_is_calm(text: str, calm: str) -> None:
    assert shown(text) == calm


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        ("lead", "LEAD_12", "/crm/lead/details/12/"),
        ("quote", "QUOTE_3", "/crm/type/7/details/3/"),
        ("smart_invoice", "SMART_INVOICE_4", "/crm/type/31/details/4/"),
        ("dynamic_128", "DYNAMIC_128_5", "/crm/type/128/details/5/"),
        ("task", "6", "/company/personal/user/0/tasks/task/view/6/"),
        ("list_element", "7", ""),
        ("", "LEAD_8", ""),
    ],
)
def test_a_document_is_linked_where_its_address_is_known(kind: str, document: str, expected: str) -> None:
    assert links.path(kind).replace("%", links.number(document)) == expected


@pytest.mark.parametrize(
    ("portal", "expected"),
    [
        ("acme.bitrix24.ru", "https://acme.bitrix24.ru"),
        ("box.acme.ru:8443", "https://box.acme.ru:8443"),
        ("127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("[::1]:80", "http://[::1]:80"),
        ('evil"><script>', ""),
        ("evil.ru/path", ""),
        ("127.0.0.1:80@evil.ru", ""),
    ],
)
def test_a_portal_that_is_no_host_is_not_linked(portal: str, expected: str) -> None:
    assert links.base(portal) == expected
