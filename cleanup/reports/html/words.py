"""Every text of the page in each language, and how numbers, times and durations are written in it."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

_EN: Mapping[str, str] = {
    "title": "Workflow cleanup",
    "skip": "Skip to the entries",
    "state.planned": "plan",
    "state.applying": "in progress",
    "state.finished": "finished",
    "state.stopped": "stopped, resumable",
    "headline.plan": "{selected} of {listed} workflows are selected to be ended",
    "headline.nothing": "None of {listed} workflows is selected to be ended",
    "headline.run": "{ended} of {selected} selected workflows have been ended",
    "lead.plan": "Nothing has been ended yet. Applying the plan ends exactly these entries, each checked once more.",
    "lead.capped": "Nothing has been ended yet. It is over the limits of its rules file: as it is, it is refused.",
    "lead.nothing": "The rules select nothing, so there is nothing to apply.",
    "lead.finished": "The run is complete.",
    "lead.gone": "Gone before we came: {count}.",
    "lead.changed": "Changed since the plan, so left alone: {count}.",
    "lead.open": "The run is not complete: {pending} still wait. Applying it again goes on where it stopped.",
    "lead.failed": "Failed: {failed}. They are still on the portal; the table says why.",
    "facts": "About this run",
    "fact.portal": "Portal",
    "fact.rules": "Rules file",
    "fact.digest": "Rules digest",
    "fact.now": "Judged as of",
    "fact.applied": "Applied",
    "fact.run": "Run",
    "fact.population": "On the portal",
    "decided": "What was decided",
    "decided.listed": "All {count} listed workflows",
    "decided.selected": "The {count} selected ones",
    "decision.selected": "selected",
    "decision.protected": "protected",
    "decision.kept": "kept",
    "decision.no_match": "no rule matches",
    "decision.undecided": "undecided",
    "decision.locked": "locked",
    "about.selected": "a rule asks to end it",
    "about.protected": "no rule may touch it",
    "about.kept": "a rule keeps it",
    "about.no_match": "left alone",
    "about.undecided": "a value is unknown, so left alone",
    "about.locked": "being executed, so left alone",
    "undecided.by": "{count} undecided by {rule}: {field} is not known",
    "status.pending": "pending",
    "status.killed": "killed",
    "status.terminated": "terminated",
    "status.already_gone": "already gone",
    "status.changed": "changed",
    "status.failed": "failed",
    "total.ended": "ended",
    "total.listed": "listed",
    "action.kill": "kill",
    "action.terminate": "terminate",
    "action.keep": "keep",
    "by_rule": "By rule",
    "by_template": "By template",
    "by_type": "By document type",
    "group.others": "{count} others",
    "group.count": "Workflows",
    "template.none": "no name: a robot’s or deleted template",
    "template.id": "no. {id}",
    "type.none": "unknown document",
    "type.lead": "Lead",
    "type.deal": "Deal",
    "type.contact": "Contact",
    "type.company": "Company",
    "type.quote": "Quote",
    "type.smart_invoice": "Invoice",
    "type.dynamic": "Smart process {id}",
    "type.smart_document": "E-sign document",
    "type.smart_b2e_document": "HR e-sign document",
    "type.order": "Order",
    "type.invoice": "Old invoice",
    "type.shipment": "Shipment",
    "type.feed_process": "Feed process",
    "type.list_element": "List element",
    "type.disk_file": "Drive file",
    "type.task": "Task",
    "type.flow": "Task flow",
    "type.rpa": "RPA item",
    "type.iblock": "Information block",
    "type.virtual": "Virtual document",
    "ages": "How old the selected ones are",
    "ages.text": "Age since the start, on the day of the plan; half of them are older than {median}",
    "ages.bar": "{begin} to {end}: {count}",
    "ages.older": "{begin} and older: {count}",
    "ages.unknown": "without a known start: {count}",
    "ages.beyond": "beyond the picture",
    "cut.older": "older than {age}",
    "cut.newer": "newer than {age}",
    "timeline": "How the run went",
    "timeline.text": "{count} ended in {time}",
    "timeline.minute": "Ended per minute",
    "timeline.step": "Ended per {step}",
    "timeline.size": "Entries in a batch",
    "timeline.each": "Seconds per workflow",
    "wait.rate": "waiting for the request bucket",
    "wait.operating": "waiting for the operating budget",
    "entries": "Entries",
    "entries.all": "All {count} entries of the run.",
    "entries.some": "The first {shown} of {count} entries. All of them:",
    "entries.script": "Without JavaScript: the first {count} rows, no search.",
    "entries.none": "There are no entries.",
    "search": "Search",
    "search.hint": "id, document, template, note …",
    "filter.all": "all",
    "reset": "Reset",
    "previous": "Previous",
    "next": "Next",
    "rows.of": "{first}–{last} of {count}",
    "rows.none": "No entry matches.",
    "rows.filtered": "{count} of {total} entries match",
    "sort": "Sort by",
    "table.scroll": "Table of entries; scrolls sideways",
    "column.status": "Status",
    "column.id": "Workflow",
    "column.rule": "Rule",
    "column.template": "Template",
    "column.document": "Document",
    "column.type": "Document type",
    "column.started": "Started",
    "column.started_by": "By",
    "column.ended": "Decided at",
    "column.note": "Note",
    "footer": "Times are {zone}. Made by b24-cleanup {version}; this page loads nothing and sends nothing.",
    "unit.years": "{n} y",
    "unit.years.many": "{n} y",
    "unit.days": "{n} d",
    "unit.hours": "{n} h",
    "unit.minutes": "{n} min",
    "unit.seconds": "{n} s",
}

_RU: Mapping[str, str] = {
    "title": "Очистка бизнес-процессов",
    "skip": "К таблице записей",
    "state.planned": "план",
    "state.applying": "выполняется",
    "state.finished": "завершено",
    "state.stopped": "остановлено, можно продолжить",
    "headline.plan": "К завершению выбрано процессов: {selected} из {listed}",
    "headline.nothing": "Ни один процесс из {listed} не выбран к завершению",
    "headline.run": "Завершено процессов: {ended} из {selected} выбранных",
    "lead.plan": "Пока ничего не завершено. Применение плана завершит ровно перечисленное ниже, "
    "с повторной проверкой каждой записи.",
    "lead.capped": "Пока ничего не завершено. План превышает ограничения своего файла правил: "
    "в таком виде он не будет применён.",
    "lead.nothing": "Правила ничего не выбирают, применять нечего.",
    "lead.finished": "Работа закончена.",
    "lead.gone": "Исчезли раньше: {count}.",
    "lead.changed": "Изменились после плана и не тронуты: {count}.",
    "lead.open": "Работа не закончена, ожидают: {pending}. Повторное применение продолжит с места остановки.",
    "lead.failed": "Не удалось завершить: {failed}. Эти процессы остались на портале; причины указаны в таблице.",
    "facts": "О запуске",
    "fact.portal": "Портал",
    "fact.rules": "Файл правил",
    "fact.digest": "Отпечаток правил",
    "fact.now": "По состоянию на",
    "fact.applied": "Применено",
    "fact.run": "Запуск",
    "fact.population": "На портале",
    "decided": "Что решено",
    "decided.listed": "Все процессы в списке: {count}",
    "decided.selected": "Выбранные: {count}",
    "decision.selected": "выбрано",
    "decision.protected": "защищено",
    "decision.kept": "оставлено",
    "decision.no_match": "вне правил",
    "decision.undecided": "не решено",
    "decision.locked": "заблокировано",
    "about.selected": "правило требует завершить",
    "about.protected": "правилам недоступно",
    "about.kept": "правило оставляет",
    "about.no_match": "не тронуто",
    "about.undecided": "значение неизвестно, не тронуто",
    "about.locked": "выполняется сейчас, не тронуто",
    "undecided.by": "Не решено правилом {rule}: {count}, неизвестно поле {field}",
    "status.pending": "ожидает",
    "status.killed": "удалён",
    "status.terminated": "остановлен",
    "status.already_gone": "исчез раньше",
    "status.changed": "изменился",
    "status.failed": "не удалось",
    "total.ended": "завершено",
    "total.listed": "в списке",
    "action.kill": "удалить",
    "action.terminate": "остановить",
    "action.keep": "оставить",
    "by_rule": "По правилам",
    "by_template": "По шаблонам",
    "by_type": "По типам документов",
    "group.others": "ещё {count}",
    "group.count": "Процессы",
    "template.none": "без имени: робот или удалённый шаблон",
    "template.id": "№ {id}",
    "type.none": "документ неизвестен",
    "type.lead": "Лид",
    "type.deal": "Сделка",
    "type.contact": "Контакт",
    "type.company": "Компания",
    "type.quote": "Предложение",
    "type.smart_invoice": "Счёт",
    "type.dynamic": "Смарт-процесс {id}",
    "type.smart_document": "Документ на подпись",
    "type.smart_b2e_document": "Кадровый документ",
    "type.order": "Заказ",
    "type.invoice": "Старый счёт",
    "type.shipment": "Отгрузка",
    "type.feed_process": "Процесс в ленте",
    "type.list_element": "Элемент списка",
    "type.disk_file": "Файл на Диске",
    "type.task": "Задача",
    "type.flow": "Поток задач",
    "type.rpa": "Элемент RPA",
    "type.iblock": "Инфоблок",
    "type.virtual": "Виртуальный документ",
    "ages": "Возраст выбранных процессов",
    "ages.text": "Возраст от запуска на день плана; половина старше, чем {median}",
    "ages.bar": "от {begin} до {end}: {count}",
    "ages.older": "{begin} и старше: {count}",
    "ages.unknown": "время запуска неизвестно: {count}",
    "ages.beyond": "за краем рисунка",
    "cut.older": "старше {age}",
    "cut.newer": "младше {age}",
    "timeline": "Как шла работа",
    "timeline.text": "завершено {count} за {time}",
    "timeline.minute": "Завершено в минуту",
    "timeline.step": "Завершено за {step}",
    "timeline.size": "Записей в пакете",
    "timeline.each": "Секунд на процесс",
    "wait.rate": "ожидание лимита запросов",
    "wait.operating": "ожидание лимита времени сервера",
    "entries": "Записи",
    "entries.all": "Все записи запуска: {count}.",
    "entries.some": "Первые {shown} из {count} записей. Все записи:",
    "entries.script": "Без JavaScript: первые строки, не более {count}, без поиска.",
    "entries.none": "Записей нет.",
    "search": "Поиск",
    "search.hint": "ID, документ, шаблон, примечание …",
    "filter.all": "все",
    "reset": "Сбросить",
    "previous": "Назад",
    "next": "Вперёд",
    "rows.of": "{first}–{last} из {count}",
    "rows.none": "Ничего не найдено.",
    "rows.filtered": "Найдено записей: {count} из {total}",
    "sort": "Порядок",
    "table.scroll": "Таблица записей; прокручивается вбок",
    "column.status": "Статус",
    "column.id": "Процесс",
    "column.rule": "Правило",
    "column.template": "Шаблон",
    "column.document": "Документ",
    "column.type": "Тип документа",
    "column.started": "Запущен",
    "column.started_by": "Кем",
    "column.ended": "Решено в",
    "column.note": "Примечание",
    "footer": "Время: {zone}. Создано b24-cleanup {version}; страница ничего не загружает и не отправляет.",
    "unit.years": "{n} г.",
    "unit.years.many": "{n} л.",
    "unit.days": "{n} дн.",
    "unit.hours": "{n} ч",
    "unit.minutes": "{n} мин",
    "unit.seconds": "{n} с",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": _EN, "ru": _RU}
_NO_BREAK = "\u00a0"
_YEAR = 365 * 24


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the locale; English where there is no catalogue for it."""
    found = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return found[:2].lower() if found[:2].lower() in LANGUAGES else "en"


class Words:
    """One language, and how far ahead of UTC the times are told."""

    def __init__(self, language: str, ahead: timedelta) -> None:
        self.language, self.zone = language, timezone(ahead)
        self._texts = LANGUAGES[language]

    def say(self, key: str, **values: object) -> str:
        text = self._texts[key]
        return text.format(**values) if values else text

    def count(self, number: int) -> str:
        grouped = f"{number:,}"
        return grouped.replace(",", _NO_BREAK) if self.language == "ru" else grouped

    def decimal(self, number: float) -> str:
        """Three digits that mean something."""
        if number >= 100 or number == round(number):
            return self.count(round(number))
        text = f"{number:.3g}" if number >= 0.001 else "0"
        return text.replace(".", ",") if self.language == "ru" else text

    def percent(self, part: int, whole: int) -> str:
        share = 100 * part / whole if whole else 0.0
        text = "< 0.1" if 0 < share < 0.1 else "> 99.9" if 99.9 < share < 100 else f"{share:.1f}"
        return f"{text} %".replace(".", ",") if self.language == "ru" else f"{text}%"

    def moment(self, seconds: float, *, fine: bool = False) -> str:
        """2026-11-23 04:00, of one width in every language; fine: with seconds."""
        return self._local(seconds).strftime("%Y-%m-%d %H:%M:%S" if fine else "%Y-%m-%d %H:%M")

    def hour(self, seconds: float, *, fine: bool) -> str:
        return self._local(seconds).strftime("%H:%M:%S" if fine else "%H:%M")

    def span(self, begin: float, end: float) -> str:
        """From and to, the day told once, with seconds where it is short."""
        fine = end - begin < 600
        first, last = self.moment(begin, fine=fine), self.moment(end, fine=fine)
        return f"{first} – {last[11:] if first[:10] == last[:10] else last}"

    def offset(self) -> int:
        """Seconds that the zone is ahead of UTC."""
        return int(self.zone.utcoffset(None).total_seconds())

    def zone_name(self) -> str:
        hours, minutes = divmod(abs(self.offset()) // 60, 60)
        sign = "-" if self.offset() < 0 else "+"
        return f"UTC{sign}{hours:02}:{minutes:02}" if self.offset() else "UTC"

    def age(self, hours: float) -> str:
        if not hours:
            return "0"
        if hours % _YEAR == 0:
            years = round(hours / _YEAR)
            return self.say("unit.years" if _few(years) else "unit.years.many", n=self.count(years))
        if hours >= 48 or hours % 24 == 0:
            return self.say("unit.days", n=self.count(int(hours // 24)))
        return self.say("unit.hours", n=self.decimal(hours))

    def duration(self, seconds: float) -> str:
        if seconds < 60:
            return self.say("unit.seconds", n=self.decimal(seconds if seconds < 10 else round(seconds)))
        whole = round(seconds)
        first, rest, small = (whole // 60, whole % 60, "seconds") if whole < 3600 else _hours(whole)
        large = self.say("unit.minutes" if small == "seconds" else "unit.hours", n=first)
        return f"{large} {self.say(f'unit.{small}', n=rest)}".replace(" ", _NO_BREAK) if rest else large

    def kind(self, document_type: str) -> str:
        if document_type.startswith("dynamic_"):
            return self.say("type.dynamic", id=document_type.removeprefix("dynamic_"))
        return self.say(f"type.{document_type or 'none'}")

    def _local(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self.zone)


def _few(number: int) -> bool:
    """Whether Russian counts it as one to four are counted."""
    return number % 10 in {1, 2, 3, 4} and number % 100 not in {11, 12, 13, 14}


def _hours(whole: int) -> tuple[int, int, str]:
    return whole // 3600, whole % 3600 // 60, "minutes"
