"""An inventory or the list of templates, as text, JSON or CSV."""

import csv
from collections.abc import Iterator, Sequence
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cleanup.inventory import AGES, UNKNOWN, Survey
from cleanup.reports.document import Document
from cleanup.words import clean

_NO_NAME = "no name: a robot's or deleted template"
#: Rows of one group that a person sees; JSON and CSV have all.
_MOST_ROWS = 20
COLUMNS = ("group", "key", "name", "document_type", "count")
Row = tuple[str, str, str, str, int]


def rows(survey: Survey) -> Iterator[Row]:
    """Every count as (group, key, name, document type, count), the largest of a group first; ages by age."""
    found = survey.inventory
    for (template, kind), count in found.templates.most_common():
        name = survey.names.get(template or 0, "")
        yield "template", str(template or ""), name, kind or UNKNOWN, count
    for name_of_type, count in found.document_types.most_common():
        yield "document_type", name_of_type or UNKNOWN, "", "", count
    for age in (*(name for _, name in AGES), UNKNOWN):
        if found.ages[age]:
            yield "age", age, "", "", found.ages[age]
    for starter, count in found.starters.most_common():
        yield "started_by", str(starter or UNKNOWN), "", "", count
    yield "state", "locked", "", "", found.locked
    yield "state", "stuck", "", "", found.stuck


def template_rows(survey: Survey) -> list[Document]:
    """Every template of the portal and every one that its instances name, the most used first."""
    found = survey.inventory
    ids = {template for template, _ in found.templates} | set(survey.names)
    listed = [_template(survey, template) for template in ids]
    return sorted(listed, key=lambda row: (-row["instances"], row["id"] or 0))


def _template(survey: Survey, template: int | None) -> Document:
    kinds = {kind: count for (of, kind), count in survey.inventory.templates.items() if of == template}
    oldest = survey.inventory.oldest.get(template)
    return {
        "id": template,
        "name": survey.names.get(template or 0),
        "document_types": sorted(kind or UNKNOWN for kind in kinds),
        "instances": sum(kinds.values()),
        "oldest": oldest.isoformat() if oldest else None,
    }


def as_json(survey: Survey) -> Document:
    groups: dict[str, list[Document]] = {}
    for group, key, name, kind, count in rows(survey):
        shown = {"key": key, "count": count}
        shown |= {"name": name or None, "document_type": kind} if group == "template" else {}
        groups.setdefault(group, []).append(shown)
    return {
        "portal": survey.portal,
        "now": survey.inventory.now.isoformat(),
        "instances": survey.inventory.total,
        **groups,
    }


def write_csv(survey: Survey, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(survey))


def write_templates_csv(survey: Survey, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(("id", "name", "document_types", "instances", "oldest"))
    for row in template_rows(survey):
        kinds = " ".join(row["document_types"])
        writer.writerow((row["id"] or "", row["name"] or "", kinds, row["instances"], row["oldest"] or ""))


def show(survey: Survey, console: Console) -> None:
    console.print(f"{survey.portal}: {survey.inventory.total:,} instances at {survey.inventory.now.isoformat()}")
    groups: dict[str, list[Row]] = {}
    for row in rows(survey):
        groups.setdefault(row[0], []).append(row)
    for group, found in groups.items():
        console.print(_group(group, found, survey.inventory.total))


def _group(group: str, found: Sequence[Row], total: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(group.replace("_", " "))
    table.add_column("instances", justify="right")
    table.add_column("%", justify="right")
    shown = found if group == "age" else found[:_MOST_ROWS]
    for _, key, name, kind, count in shown:
        table.add_row(Text(_label(group, key, name, kind)), f"{count:,}", _percent(count, total))
    if rest := found[len(shown) :]:
        count = sum(row[-1] for row in rest)
        table.add_row(f"{len(rest):,} others", f"{count:,}", _percent(count, total))
    return table


def _label(group: str, key: str, name: str, kind: str) -> str:
    return f"{clean(name or _NO_NAME)} ({key or 'no id'}) · {kind}" if group == "template" else key


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f}" if total else "0.0"


def show_templates(survey: Survey, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("id", "name", "document types", "instances", "oldest"):
        table.add_column(name, justify="right" if name in {"id", "instances"} else "left")
    for row in template_rows(survey):
        kinds, oldest = ", ".join(row["document_types"]), (row["oldest"] or "")[:10]
        label = Text(clean(row["name"] or _NO_NAME))
        table.add_row(str(row["id"] or "none"), label, kinds, f"{row['instances']:,}", oldest)
    console.print(table)
