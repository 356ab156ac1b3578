"""What the portal is like: its limits, its load limiter, clock, zones, generation, and how fast it answers."""

from datetime import timedelta

from cleanup.limits import ENTERPRISE_RATE, rate_of
from cleanup.portal.told import Answers, Counters, Dates, Generation, Limiter
from cleanup.reports.checkup.findings import Finding, Level
from cleanup.words import counted

#: Seconds that clocks may be apart, and that a batch of small questions may take.
_SKEW = 120.0
_SLOW = 2.0
#: PORTAL.md 4.2; and the share of it from which a run begins slowly.
_OPERATING_LIMIT = 480.0
_MUCH = 0.8
#: PORTAL.md 7: what is executed while it is killed may be put back.
_ZOMBIES = (
    "What is ended while it executes may come back as an empty row: leave --include-locked out, and `verify` a purge. "
    "An update of the portal mends it."
)


def limits(answers: Answers) -> Finding:
    rate = rate_of(answers.licence)
    plan = "self-hosted" if rate is None else "Enterprise" if rate == ENTERPRISE_RATE else "ordinary"
    told = "no limit of requests by default" if rate is None else f"{rate.burst:g} requests, then {rate.per_second:g}/s"
    told = f"licence {answers.licence or 'unknown'}, {plan}: {told}"
    if answers.refused:
        return Finding(
            Level.WARNING,
            "limits",
            f"{told}; it was full {counted(answers.refused, 'time')}",
            "Other programs of this IP address fill the same bucket, and a run will be slow: stop them meanwhile.",
        )
    if answers.licence is None:
        return Finding(Level.WARNING, "limits", told, "If it is another one, set `pace.requests` in the rules file.")
    return Finding(Level.OK, "limits", told)


def limiter(answers: Answers) -> Finding:
    counters = answers.counters
    if counters.blocked:
        return Finding(
            Level.WARNING,
            "limiter",
            f"used up for now: {', '.join(sorted(counters.blocked))}",
            "It frees itself in up to 10 minutes. A run waits for that by itself.",
        )
    if counters.limiter is Limiter.ABSENT:
        return _no_limiter(answers.licence)
    if counters.limiter is Limiter.HIDDEN:
        return Finding(
            Level.WARNING,
            "limiter",
            "the portal has one, and does not tell its counter",
            "A run goes by what it spends itself. Set `pace.operating_limit` lower if it is refused all the same.",
        )
    return _counting(counters, answers.generation)


def _no_limiter(licence: str | None) -> Finding:
    if rate_of(licence) is None:
        return Finding(Level.OK, "limiter", "off: the time of methods is not counted, as is usual for self-hosted")
    return Finding(
        Level.WARNING,
        "limiter",
        "the portal shows no counter, which portals in the cloud do",
        "Does a proxy change the answers? A run keeps below 480 s of its own measure.",
    )


def _counting(counters: Counters, generation: Generation | None) -> Finding:
    used = {"batch": counters.batch, **counters.inside} if counters.batch else counters.inside
    told = "on: " + _billing(counters, generation)
    if not used:
        return Finding(Level.OK, "limiter", f"{told}; nothing is used")
    method, seconds = max(used.items(), key=lambda item: item[1])
    told = f"{told}; {method} has used {seconds:.3g} s of about {_OPERATING_LIMIT:g} s in 10 minutes"
    if seconds < _MUCH * _OPERATING_LIMIT:
        return Finding(Level.OK, "limiter", told)
    return Finding(Level.WARNING, "limiter", told, "A run begins slowly until that is over, in up to 10 minutes.")


def _billing(counters: Counters, generation: Generation | None) -> str:
    """By what the counters show; while they show nothing, by the generation (PORTAL.md 4.2)."""
    if counters.batch and counters.inside:
        return "it bills calls inside a batch, and the batch as well"
    if counters.batch:
        return "it bills a batch as a method of its own"
    if counters.inside or generation in {Generation.G1, Generation.G2}:
        return "it bills calls inside a batch, not the batch"
    if generation is Generation.G3:
        return "it bills a batch as a method of its own, at half its time"
    return "how it bills will be seen by what it counts"


def clock(ahead: float | None) -> Finding:
    if ahead is None:
        return Finding(
            Level.WARNING, "clock", "the portal did not tell its time", "Ages are judged by this machine's clock."
        )
    if abs(ahead) <= _SKEW:
        return Finding(Level.OK, "clock", f"{abs(ahead):.0f} s apart from this machine's")
    way = "ahead of" if ahead > 0 else "behind"
    return Finding(
        Level.WARNING,
        "clock",
        f"the portal is {abs(ahead):,.0f} s {way} this machine",
        "Ages are right, since the portal's clock decides. `--until` and logs go by this machine's: set it by NTP.",
    )


def dates(dates: Dates) -> Finding:
    if dates.owner_ahead is None and dates.shifted is None:
        return Finding(
            Level.WARNING, "dates", "the portal told neither its zone nor its user's", "Rules do not depend on it."
        )
    zones = _zones(dates)
    if dates.shifted or (dates.shifted is None and dates.owner_ahead):
        seen = "measured" if dates.shifted else "by the zones, not measured"
        return Finding(
            Level.WARNING,
            "dates",
            f"{zones}, so date filters are shifted ({seen})",
            "Rules are not: ages are judged here. Other scripts that filter by date need a day's margin.",
        )
    return Finding(Level.OK, "dates", f"{zones}; date filters are not shifted")


def _zones(dates: Dates) -> str:
    server = "the server's zone" if dates.server is None else f"the server's zone {_offset(dates.server)}"
    if dates.owner_ahead is None:
        return f"the user's zone differs from {server}" if dates.shifted else f"the user's zone fits {server}"
    if not dates.owner_ahead:
        return f"the user has {server}"
    way = "ahead of" if dates.owner_ahead > timedelta(0) else "behind"
    return f"the user is {abs(dates.owner_ahead).total_seconds() / 3600:g} h {way} {server}"


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def generation(generation: Generation | None) -> Finding:
    if generation is None:
        return Finding(Level.OK, "generation", "not seen: with no instance to list, old and new ones answer alike")
    told = {
        Generation.G1: "from before 2025: lists cost a count for each page",
        Generation.G2: "of 2025 to early 2026",
        Generation.G3: "the newest, of 2026",
    }[generation]
    if generation is Generation.G3:
        return Finding(Level.OK, "generation", f"{generation}, {told}")
    return Finding(Level.WARNING, "generation", f"{generation}, {told}", _ZOMBIES)


def round_trip(answers: Answers) -> Finding:
    told = f"{answers.round_trip:.3f} s for {counted(answers.questions, 'question')} in one batch"
    if answers.failed:
        return Finding(
            Level.WARNING,
            "round trip",
            f"{told}, answered at try {answers.failed + answers.refused + 1}",
            "Requests break on the way. A run repeats what may be repeated; see to the network.",
        )
    if answers.round_trip > _SLOW:
        return Finding(
            Level.WARNING, "round trip", told, "That is slow: the network, a proxy or a busy portal. Runs take longer."
        )
    return Finding(Level.OK, "round trip", told)
