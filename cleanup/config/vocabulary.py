"""Every key of a rules file, and what it means: the one list that the loader, its hints and the schema go by."""

from collections.abc import Mapping
from types import MappingProxyType

Keys = Mapping[str, str]


def _keys(**keys: str) -> Keys:
    return MappingProxyType(keys)


FILE = _keys(
    version="The version of this form: 1.",
    portal="The portal's host, such as acme.bitrix24.ru. With another portal's webhook nothing is done.",
    timezone="For dates without an offset, such as Europe/Moscow.",
    limits="Caps: what is over them is refused as a whole. “off” must be written out.",
    pace="How fast the portal may be asked. Nobody needs this section.",
    sets="Named matches, used by “use: name”.",
    protect="What no rule may touch. A value that is missing protects, too.",
    rules="From top to bottom, the first match wins. What matches nothing is left alone.",
    tests="Examples that “b24-cleanup test” judges, without a portal.",
)
LIMITS = _keys(
    max_kill="A plan that selects more is refused. A number or off; 500 when it is not given.",
    max_percent="A plan that selects more of all instances on the portal is refused. 25 when it is not given.",
    max_failed_percent="A run stops when more of the tried entries fail. 10 when it is not given.",
)
PACE = _keys(
    requests="auto (by the licence), off, or a bucket: {burst: 50, per_second: 2}.",
    operating_limit="Seconds of server time for each method in the portal's window; 480, self-hosted mostly 420.",
    operating_share="The part of it that we use, up to 1; 0.9 when it is not given.",
    batch_seconds="How long one request should take, up to 50; 10 when it is not given.",
    concurrency="Requests in flight: auto, or a number that auto may not exceed.",
    max_slowdown="How many times longer a kill may take than without our load, above 1; 1.5 when it is not given.",
)
REQUESTS = _keys(burst="How many requests may go at once.", per_second="How many may follow each second.")
PROTECT = _keys(
    id="Names the entry in plans and reports. Unique in the file.",
    match="What is protected.",
    why="The reason, for people.",
)
RULE = _keys(
    id="Names the rule in plans and reports. Unique in the file.",
    match="What the rule is about. Only “match: everything” says all.",
    action="keep leaves it alone; terminate stops it, its log stays; kill deletes it. There is no way back.",
    reason="For the record; terminate leaves it as the workflow's status. {rule} and {run} are filled in.",
    take="A batch size: of what the rule selects, only so many. The rest waits for the next run.",
)
TAKE = _keys(count="How many.", order="oldest or newest by start; oldest when it is not given.")
TEXTS = _keys(
    document_id="The document's id, such as LEAD_17.",
    module="The document's module, such as crm.",
    entity="The document's class, such as CCrmDocumentLead.",
    id="The instance's own id.",
)
NUMBERS = _keys(
    template_id="The template's number.",
    started_by="The number of the user who started it, or {dismissed: …}.",
)
TIMES = _keys(started="When it was first saved.", modified="When it was last saved.")
ASSIGNED = _keys(
    dismissed="A running task of it waits for a dismissed user, maybe for others as well: that is not stuck.",
    all_dismissed="All users that its running tasks wait for are dismissed: nobody can answer. The safe form.",
)
STARTER = _keys(dismissed="Whether the user who started it is dismissed.")
NEWEST = _keys(
    by="What makes them duplicates: document, that is the same document and the same template.",
    keep="How many of the newest are left alone, up to 10.",
)
FIELDS = _keys(
    template="The template's name. Robots and deleted templates have none, so it is unknown.",
    document_type="What kind of document it works on; module, entity and document id must agree.",
    stuck="It hung while it was executed: held for more than five minutes past its time.",
    locked="It is being executed right now.",
    assigned_to="The users for whose answers its running tasks wait: {dismissed: …} or {all_dismissed: …}.",
    document_exists="Whether its CRM element or task is still there. Of other documents it is unknown.",
    newest_of="An older duplicate: it has as many newer ones of the same document and template as are kept.",
    **TEXTS,
    **NUMBERS,
    **TIMES,
)
COMBINED = {
    "all": "All of these matches, as if they were keys of one map.",
    "any": "At least one of these matches.",
    "not": "The opposite. The opposite of unknown is unknown.",
    "use": "A match of the section “sets”, by its name.",
}
MATCH: Keys = MappingProxyType({**FIELDS, **COMBINED})
TEXT_TEST = _keys(
    glob="The whole text, where * stands for any letters and ? for one.",
    regex="A regular expression for the whole text.",
    exists="Whether it has a value at all.",
)
TIME_TEST = _keys(
    older_than="Longer ago than this: 90d, 12h, 1d12h. Strictly.",
    newer_than="Less long ago than this, or in the future: 90d, 12h, 1d12h. Strictly.",
    before="Before this date or time. Strictly.",
    after="After this date or time. Strictly.",
    exists="Whether it has a value at all.",
)
STUCK_TEST = _keys(
    longer_than="For longer than this: 1h. It only extends the five minutes.",
    exists="Whether anything ever held it.",
)
EXISTS = _keys(exists="Whether it has a value at all.")
EXAMPLE = _keys(
    name="What this example shows.",
    instance="The instance: only the values that it has. What is not given is missing.",
    now="The moment of the judgement, needed where ages matter.",
    expect="What must come: “left alone”, a decision, {rule: …, action: …} or {decision: …, rule: …}.",
)
INSTANCE = _keys(
    id="Its id; any when it is not given.",
    template="The template's name, as on the portal. Without it the template has no name.",
    template_id="The template's number.",
    document_type="A document of this kind, in place of module, entity and document_id.",
    module="The document's module.",
    entity="The document's class.",
    document_id="The document's id.",
    started="A date, or how long before now: 90d.",
    modified="A date, or how long before now: 90d.",
    started_by="The number of the user who started it.",
    starter="Of the user who started it: active, dismissed or unknown.",
    assignees="Of the users its running tasks wait for, a list of active, dismissed, unknown; [] is no such task.",
    document_exists="Whether its document is still there.",
    newer="How many newer instances of the same document and template there are.",
    owned_until="Until when it is held: a date, or how long before now it ran out: 2h.",
    unreadable="The fields that the portal gives in a form that cannot be read.",
)
EXPECT = _keys(
    rule="The rule or protect entry that decides.",
    action="keep, terminate or kill.",
    decision="selected, kept, protected, no_match, undecided or locked.",
    field="The field whose missing value makes it undecided or protected.",
)
PORTALS_FILE = _keys(portals="The portals, each with a name, a way in and a rules file.")
PORTAL = _keys(
    name="Names the portal in messages, logs and the summary. Unique in the file.",
    webhook="Where the webhook's address is: {env: …}, {file: …}, {credential: …} or {keyring: …}.",
    oauth="The credentials file of an application, as login writes it, in place of a webhook.",
    tags="Words to choose portals by: {region: north}.",
    rules="The rules file; a relative path is beside this file.",
    overrides="What is otherwise on this portal than in its rules file: limits, pace.",
)
PLACES = _keys(
    env="The name of an environment variable.",
    file="A file that only its owner can read; a relative path is beside this file.",
    credential="The name of a systemd credential.",
    keyring="The name of an entry of the system's keyring.",
)
OVERRIDES = _keys(limits=FILE["limits"], pace=FILE["pace"])
#: Words that people bring along from elsewhere, and ours for them.
BORROWED = {
    "filter": "match",
    "filters": "match",
    "when": "match",
    "where": "match",
    "if": "match",
    "conditions": "match",
    "name": "id",
    "do": "action",
    "limit": "take",
    "exclude": "protect",
    "and": "all",
    "or": "any",
    "age": "started",
    "user": "started_by",
    "assignee": "assigned_to",
    "duplicates": "newest_of",
    "status": "stuck",
}
