"""A verb's end as a Prometheus textfile for node_exporter: replaced in one step, readable by all."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cleanup.reports.document import Document
from cleanup.reports.ended import Ended, Kind

_RUN = ("portal", "rules")
_RULE = (*_RUN, "rule")
#: Every metric with what it says and its labels. README, docs/nights.md and the alert rules name these.
METRICS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "b24_cleanup_selected": ("Instances that the last run selected.", _RULE),
    "b24_cleanup_ended": ("Instances that the last run ended.", (*_RULE, "action")),
    "b24_cleanup_failed": ("Instances that the last run could not end.", _RULE),
    "b24_cleanup_already_gone": ("Selected instances that had ended by themselves.", _RULE),
    "b24_cleanup_changed": ("Selected instances that were left alone, since they had changed.", _RULE),
    "b24_cleanup_pending": ("Selected instances that the last run left for later.", _RULE),
    "b24_cleanup_undecided": ("Instances that only an unknown value kept from being selected.", _RULE),
    "b24_cleanup_duration_seconds": ("Wall time of the last run.", _RUN),
    "b24_cleanup_wait_seconds": ("Seconds that the last run waited for a limit.", (*_RUN, "reason")),
    "b24_cleanup_requests": ("Requests of the last run, by what became of them.", (*_RUN, "result")),
    "b24_cleanup_exit_code": ("Exit code of the last run.", _RUN),
    "b24_cleanup_last_run_timestamp_seconds": ("When the last run ended.", _RUN),
    "b24_cleanup_last_success_timestamp_seconds": (
        "When a run last did all that it was told to; 0: never yet.",
        _RUN,
    ),
}
_LAST_RUN, _LAST_SUCCESS = "b24_cleanup_last_run_timestamp_seconds", "b24_cleanup_last_success_timestamp_seconds"
_PER_RULE = ("selected", "failed", "already_gone", "changed", "pending", "undecided")
_ACTIONS = {"kill": "killed", "terminate": "terminated"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; its labels are in the order of METRICS."""

    metric: str
    labels: tuple[str, ...]
    value: float


def write(path: Path, *all_ended: Ended) -> None:
    """Replaces the file. The last success is kept from what it held. Raises OSError."""
    before = list(_read(path))
    samples: list[Sample] = []
    for ended in all_ended:
        run = _labels(ended, before)
        success = ended.at.timestamp() if ended.kind is Kind.SUCCESS else _last_success(before, run)
        samples += [*samples_of(ended, run), Sample(_LAST_SUCCESS, run, success)]
    _replace(path, rendered(samples))


def samples_of(ended: Ended, run: tuple[str, str]) -> Iterator[Sample]:
    """All but the last success. A run that was finished first counts, too."""
    yield Sample("b24_cleanup_exit_code", run, ended.exit_code)
    yield Sample(_LAST_RUN, run, ended.at.timestamp())
    yield Sample("b24_cleanup_duration_seconds", run, ended.seconds)
    for reason in ("rate", "operating"):
        yield Sample("b24_cleanup_wait_seconds", (*run, reason), _sum(ended.documents, "seconds", f"waiting_{reason}"))
    for result in ("sent", "retried", "query_limit", "operation_limit"):
        yield Sample("b24_cleanup_requests", (*run, result), _sum(ended.documents, "requests", result))
    for rule, counts in _by_rule(ended.documents).items():
        for name in _PER_RULE:
            yield Sample(f"b24_cleanup_{name}", (*run, rule), counts.get(name, 0))
        for action, state in _ACTIONS.items():
            yield Sample("b24_cleanup_ended", (*run, rule, action), counts.get(state, 0))


def rendered(samples: Iterable[Sample]) -> bytes:
    registry = CollectorRegistry()
    gauges = {name: Gauge(name, says, labels, registry=registry) for name, (says, labels) in METRICS.items()}
    for sample in samples:
        gauges[sample.metric].labels(*sample.labels).set(sample.value)
    return generate_latest(registry)


def _sum(documents: Iterable[Document], part: str, name: str) -> float:
    return float(sum(document[part][name] for document in documents))


def _by_rule(documents: Iterable[Document]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for document in documents:
        for row in document["by_rule"]:
            rule = counts.setdefault(row["rule"], {})
            for name in (*_PER_RULE, *_ACTIONS.values()):
                rule[name] = rule.get(name, 0) + row.get(name, 0)
    return counts


def _read(path: Path) -> Iterator[Sample]:
    """What the file holds of ours; nothing when it is missing or makes no sense."""
    with suppress(OSError, ValueError):
        for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
            for sample in family.samples:
                _, labels = METRICS.get(sample.name, ("", ()))
                yield Sample(sample.name, tuple(sample.labels.get(label, "") for label in labels), sample.value)


def _last_success(before: Iterable[Sample], run: tuple[str, str]) -> float:
    found = [sample.value for sample in before if (sample.metric, sample.labels) == (_LAST_SUCCESS, run)]
    return found[0] if found else 0.0


def _labels(ended: Ended, before: Iterable[Sample]) -> tuple[str, str]:
    """Portal and rules. What an early end did not get to know is as in the last run, so that its series go on."""
    last = next((sample.labels for sample in before if sample.metric == _LAST_RUN), ("", ""))
    return ended.portal or last[0], ended.rules or last[1]


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), 0o644)  # node_exporter is another user, whatever the umask says
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
