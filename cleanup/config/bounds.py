"""The sections `limits` and `pace`: of a rules file, and those that a portals file puts over it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from cleanup.config import scalars, vocabulary
from cleanup.config.nodes import Mapping, Node, Scalar, Source
from cleanup.config.sections import Section, section
from cleanup.config.settings import Pace, Requests
from cleanup.guards import Limits

T = TypeVar("T")


def read_limits(source: Source, node: Node | None, otherwise: Limits) -> Limits:
    """What is not given, or faulty, is as in `otherwise`."""
    found = section(source, node, vocabulary.LIMITS, "limits")
    if found is None:
        return otherwise
    return Limits(
        max_kill=found.scalar("max_kill", _off_or(scalars.whole), otherwise.max_kill),
        max_percent=found.scalar("max_percent", _off_or(_percent), otherwise.max_percent),
        max_failed_percent=found.scalar("max_failed_percent", _off_or(_percent), otherwise.max_failed_percent),
    )


def read_pace(source: Source, node: Node | None, otherwise: Pace) -> Pace:
    """What is not given, or faulty, is as in `otherwise`."""
    found = section(source, node, vocabulary.PACE, "pace")
    if found is None:
        return otherwise
    return Pace(
        requests=_requests(found, otherwise.requests),
        operating_limit=found.scalar(
            "operating_limit", partial(scalars.number, above=0, to=1e6), otherwise.operating_limit
        ),
        operating_share=found.scalar(
            "operating_share", partial(scalars.number, above=0, to=1), otherwise.operating_share
        ),
        batch_seconds=found.scalar("batch_seconds", partial(scalars.number, above=0, to=50), otherwise.batch_seconds),
        concurrency=found.scalar("concurrency", _concurrency, otherwise.concurrency),
        max_slowdown=found.scalar("max_slowdown", partial(scalars.number, above=1, to=10), otherwise.max_slowdown),
    )


def _requests(pace: Section, otherwise: str | Requests) -> str | Requests:
    node = pace.get("requests")
    if not isinstance(node, Mapping):
        return pace.scalar("requests", partial(scalars.one_of, ("auto", "off")), otherwise)
    found = Section(pace.source, node, vocabulary.REQUESTS, "pace.requests")
    found.require("burst", "how many requests may go at once")
    found.require("per_second", "how many may follow each second")
    return Requests(
        found.scalar("burst", partial(scalars.number, above=0, to=1e6), 50.0),
        found.scalar("per_second", partial(scalars.number, above=0, to=1e6), 2.0),
    )


def _percent(node: Scalar) -> float:
    return scalars.number(node, above=0, to=100)


def _off_or(read: Callable[[Scalar], T]) -> Callable[[Scalar], T | None]:
    def read_or_off(node: Scalar) -> T | None:
        return None if node.text == "off" else read(node)

    return read_or_off


def _concurrency(node: Scalar) -> str | int:
    return "auto" if node.text == "auto" else scalars.whole(node, least=1)
