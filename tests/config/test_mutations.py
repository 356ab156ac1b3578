"""2,000 damaged files: each is loaded or refused with faults that have a place, within a second, and never breaks."""

import random
import time

import pytest

from cleanup.config import Faults
from cleanup.config.nodes import decode
from cleanup.config.rules_file import read_source
from tests.config.test_configs import CONFIGS

#: Files for each of the two kinds of damage: 2,000 in all.
COUNTS = {"configs": 880, "a big example": 120}
#: Seconds of this process, so that a busy machine does not matter.
MOST_SECONDS = 1.0


def big_example() -> bytes:
    """300 rules of many forms, with sets, tests, aliases and comments."""
    rules = "".join(
        f"  - id: rule-{n}   # правило {n}\n"
        f"    match:\n"
        f"      any:\n"
        f"        - {{template: [{{glob: 'Согласование {n}*'}}, \"Отпуск {n}\"], started: {{older_than: {n + 1}d}}}}\n"
        f"        - not: {{use: people}}\n"
        f"          stuck: {{longer_than: 1h}}\n"
        f"    action: {('kill', 'keep', 'terminate')[n % 3]}\n"
        for n in range(300)
    )
    tests = "tests:\n  - {now: &now 2026-11-23, instance: {started: 9d}, expect: left alone}\n"
    tests += "".join(f"  - {{now: *now, instance: {{started: {n}d}}, expect: undecided}}\n" for n in range(1, 50))
    head = "version: 1\ntimezone: Europe/Moscow\nsets: {people: {document_type: [task, rpa]}}\nrules:\n"
    return (head + rules + tests).encode()


SOURCES = {
    "configs": [file.read_bytes() for file in sorted(CONFIGS.glob("*.yaml"))],
    "a big example": [big_example()],
}
#: Signs and words of YAML, and letters that are none.
SIGNS = "\0 \t \r : - { } [ ] ' \" &a *a !!str |\n ? # % @ <<: ---\n ...\n \u2028 \x85 \ufeff ~ NO 0 any:[ not: 99999"
PIECES = (b"\xff", b"  ", b": ", b"- ", *(sign.encode() for sign in SIGNS.split(" ")))


def of_bytes(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    end = at + chance.choice([0, 0, 1, 1, 2, 10, 100])
    piece = chance.choice([b"", bytes([chance.randrange(256)]), *[chance.choice(PIECES)] * 3, content[end : end + 40]])
    return content[:at] + piece + content[end:]


def of_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    return b"".join(
        chance.choice(
            [
                [*lines[:at], *lines[at + 1 :]],
                [*lines[:at], lines[at], *lines[at:]],
                [*lines[:at], b"  " * chance.randint(1, 3) + lines[at], *lines[at + 1 :]],
                [*lines[:at], lines[at].lstrip(), *lines[at + 1 :]],
                [*lines[:at], lines[other], *lines[at + 1 :]],
                [*lines[:at], lines[at].replace(b":", b"", 1), *lines[at + 1 :]],
                lines[:at],
                lines[at:],
            ]
        )
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", COUNTS)
@pytest.mark.parametrize("damage", [of_bytes, of_lines])
def test_a_damaged_file_gets_a_clean_verdict_within_a_second(damage, source: str) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(f"{damage.__name__} {source}")
    verdicts = {"loaded": 0, "refused": 0}
    for _ in range(COUNTS[source]):
        content = chance.choice(SOURCES[source])
        for _ in range(chance.choice([1, 1, 2, 5])):
            content = damage(content, chance) or b"\n"
        began = time.process_time()
        verdicts[verdict(content)] += 1
        assert time.process_time() - began < MOST_SECONDS
    assert min(verdicts.values()) > COUNTS[source] * 0.02, verdicts


def verdict(content: bytes) -> str:
    try:
        read_source(decode(content, "rules.yaml"))
    except Faults as error:
        told = error.faults
    else:
        return "loaded"
    assert told
    assert all(fault.line >= 1 and fault.column >= 1 and fault.message.isprintable() for fault in told)
    return "refused"
