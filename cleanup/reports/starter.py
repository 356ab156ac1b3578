"""The rules file that `init` writes: careful rules that hold anywhere, and what was found on the portal as comments.

Names on a portal are written by anybody, so they stand here in quotes and in printable letters only.
"""

from collections.abc import Iterator
from datetime import datetime

from cleanup.inventory import Survey
from cleanup.rules.match import quoted

#: Longer names are told by number: nobody reads them.
_LONGEST_NAME = 200
#: Of the portal's templates, the biggest are shown.
_MOST_TEMPLATES = 10

_HEAD = """\
# yaml-language-server: $schema=b24-cleanup.schema.json
# For completion and explanations in your editor:  b24-cleanup schema >b24-cleanup.schema.json   beside this file.
#
# Rules for b24-cleanup. Nothing ends by writing them; look first, as often as you like:
#   b24-cleanup validate {file}        every fault with its place
#   b24-cleanup test {file}            the examples at the end
#   b24-cleanup plan {file}            what would be ended on the portal; changes nothing there
"""

_LIMITS = """\
timezone: Europe/Moscow       # for dates without an offset

limits:                       # a plan over these is refused as a whole
  max_kill: 500
  max_percent: 10             # of all instances on the portal
  max_failed_percent: 10      # and a run that goes wrong stops here

protect:                      # beats every rule below; a value that is missing protects, too
  - id: recent
    match: {started: {newer_than: 7d}}
    why: a week is normal for people
  - id: alive
    match: {modified: {newer_than: 3d}}
    why: somebody, or a timer, moved it lately

rules:                        # from top to bottom, the first match wins; what matches nothing is left alone
  # It hung while it was being executed and will never go on. terminate keeps its log, kill deletes everything.
  - id: hung
    match: {stuck: {longer_than: 12h}}
    action: terminate
    reason: "stopped by {rule}, run {run}"
"""

_EXAMPLE = """
  # Take the “# ” away from a rule that you want. Each key of a match must hold; a list of values is OR.
  # - id: keep-approvals
  #   match: {template: {glob: "Согласование*"}, started: {newer_than: 180d}}
  #   action: keep

  # - id: stale-leads
  #   match: {document_type: lead, started: {older_than: 180d}, modified: {older_than: 90d}}
  #   action: kill
  #   take: {count: 200, order: oldest}   # a batch size: the rest waits for the next run
"""

_TESTS = """
tests:                        # what the rules above must decide; write one for each rule of yours
  - name: hung for a day
    now: &now 2026-11-23T03:00:00+03:00
    instance: {started: 20d, modified: 9d, owned_until: 1d}     # so long before now
    expect: {rule: hung, action: terminate}
  - name: hung, but started this week
    now: *now
    instance: {started: 2d, modified: 2d, owned_until: 1d}
    expect: {decision: protected, rule: recent}
  - name: old, but not hung
    now: *now
    instance: {document_type: deal, started: 400d, modified: 400d}
    expect: left alone
"""


def rules_text(file: str, survey: Survey | None, now: datetime) -> str:
    """The whole file. `survey` is what is on the portal; None: nobody asked one."""
    head = _HEAD.format(file=quoted(file).strip('"'))
    if survey is None:
        portal = "# portal: acme.bitrix24.ru   # with another portal's webhook nothing is done"
        return f"{head}\nversion: 1\n{portal}\n{_LIMITS}{_EXAMPLE}{_TESTS}"
    portal = f"portal: {quoted(survey.portal)}   # with another portal's webhook nothing is done"
    found = "\n".join(_found(survey, now))
    templates = "\n".join(_templates(survey))
    return f"{head}#\n{found}\n\nversion: 1\n{portal}\n{_LIMITS}{_EXAMPLE}{templates}\n{_TESTS}"


def _found(survey: Survey, now: datetime) -> Iterator[str]:
    counts = survey.inventory
    yield (
        f"# On {survey.portal} on {now:%Y-%m-%d}: {counts.total:,} instances, "
        f"{counts.stuck:,} stuck, {counts.locked:,} being executed."
    )
    for kind, count in counts.document_types.most_common():
        yield f"#   {kind or 'no document type':<20} {count:>9,}"


def _templates(survey: Survey) -> Iterator[str]:
    totals = survey.inventory.by_template.most_common(_MOST_TEMPLATES)
    if totals:
        yield "\n  ## The templates with the most instances on this portal."
    for template, count in totals:
        if template is not None:
            yield from _rule(survey, template, count)


def _rule(survey: Survey, template: int, count: int) -> Iterator[str]:
    """A comment with what there is, and a rule about it, without the dangerous word: the default is keep."""
    name = survey.names.get(template, "")
    kinds = sorted(kind for of, kind in survey.inventory.templates if of == template and kind)
    oldest = survey.inventory.oldest.get(template)
    since = f", the oldest of {oldest:%Y-%m-%d}" if oldest else ""
    called = quoted(name[:_LONGEST_NAME]) if name else "no name: a robot's or a deleted template"
    yield f"\n  ## {count:,} instances of template {template}, {called}{since}"
    yield f"  # - id: template-{template}"
    typed = f", document_type: [{', '.join(kinds)}]" if kinds else ""
    yield f"  #   match: {{{_test(survey, template, name)}{typed}, started: {{older_than: 180d}}}}"
    yield "  #   action: keep   # or terminate, or kill"


def _test(survey: Survey, template: int, name: str) -> str:
    """By name where that is clear: a copy of the portal, or a template made anew, has other numbers."""
    shared = sum(other == name for other in survey.names.values()) > 1
    odd = len(name) > _LONGEST_NAME or not name.isprintable() or "*" in name or "?" in name
    return f"template_id: {template}" if not name or shared or odd else f"template: {quoted(name)}"
