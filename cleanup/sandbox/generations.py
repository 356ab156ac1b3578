"""What the portal's core does differently by generation, in one table. Nothing else here asks which generation it is.

The generations are those at the top of PORTAL.md; each trait names its section.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Generation(StrEnum):
    """The three generations of the portal's core."""

    #: Boxes of 21.x and 22.x.
    G1 = "G1"
    #: 25.550 to 26.250.
    G2 = "G2"
    #: What came after: the cloud of today.
    G3 = "G3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How the keys of a FILTER are read; what does not fit is dropped without a word."""

    operations: frozenset[str]
    #: False: field names in upper case only.
    any_case: bool
    #: Whether the bare key compares texts by LIKE.
    bare_is_like: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One generation's ways."""

    #: 3.2: the filter of the instances.
    grammar: Grammar
    #: 5: whether STARTED is converted in a filter; otherwise an ISO text is misread.
    converts_started: bool
    #: 2: a negative start skips the count; otherwise it is an SQL error.
    negative_start: bool
    #: 3.2: a select item that is no scalar is an error; otherwise it is ignored.
    checks_select: bool
    #: 3.1, 7: methods that answer an ID that is no text with an error; the others cast it, and break at an array.
    checks_id: frozenset[str]
    #: 7: killing one that is just executing brings it back as a zombie.
    zombies: bool
    #: 1: start and processing are integers, so that a duration is up to 1 s too long.
    whole_start: bool
    #: 1: a batch inside of a batch is legal.
    nested_batch: bool
    #: 1: a command that is no text is skipped without a trace; otherwise it is an unknown method.
    skips_commands: bool
    #: 3.1: a reference inside of a longer text is replaced by numbers, too.
    embeds_numbers: bool
    #: 8: templates are hidden from this AUTO_EXECUTE on; otherwise just that one.
    hides_above_automation: bool
    #: 11: the profile has the owner's offset beside the zone's name.
    zone_offset_in_profile: bool


KILL, TERMINATE = "bizproc.workflow.kill", "bizproc.workflow.terminate"
_OLD = Grammar(operations=frozenset({"", "!", "<", "<=", ">", ">="}), any_case=False)
_NEW = Grammar(operations=_OLD.operations | {"=", "!="}, any_case=True)
#: 9: the builder behind bizproc.task.list and template.list, the same in all generations.
LEGACY = Grammar(operations=_NEW.operations, any_case=True, bare_is_like=False)

TRAITS: Mapping[Generation, Traits] = MappingProxyType(
    {
        Generation.G1: Traits(
            grammar=_OLD,
            converts_started=False,
            negative_start=False,
            checks_select=False,
            checks_id=frozenset(),
            zombies=True,
            whole_start=False,
            nested_batch=True,
            skips_commands=False,
            embeds_numbers=False,
            hides_above_automation=False,
            zone_offset_in_profile=True,
        ),
        Generation.G2: Traits(
            grammar=_OLD,
            converts_started=True,
            negative_start=True,
            checks_select=True,
            checks_id=frozenset({TERMINATE}),
            zombies=True,
            whole_start=True,
            nested_batch=False,
            skips_commands=True,
            embeds_numbers=True,
            hides_above_automation=True,
            zone_offset_in_profile=False,
        ),
        Generation.G3: Traits(
            grammar=_NEW,
            converts_started=True,
            negative_start=True,
            checks_select=True,
            checks_id=frozenset({KILL, TERMINATE}),
            zombies=False,
            whole_start=True,
            nested_batch=False,
            skips_commands=True,
            embeds_numbers=True,
            hides_above_automation=True,
            zone_offset_in_profile=False,
        ),
    }
)
