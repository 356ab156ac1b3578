"""The portals file: what it gives, every fault with its place, and no address of a webhook in any fault."""

from pathlib import Path

import pytest

from cleanup.config import Faults, PortalsFile, load_portals
from cleanup.guards import Limits
from cleanup.sources import Kind, Source
from tests.harness import EVERYTHING

GOOD = """\
portals:
  - name: acme
    webhook: {file: secrets/acme}
    tags: {region: north, tier: 1}
    rules: rules.yaml
    overrides: {limits: {max_kill: 7}, pace: {concurrency: 2}}
  - {name: bolt, webhook: {env: BOLT}, rules: rules.yaml}
  - {name: cone, webhook: {keyring: cone}, rules: rules.yaml}
  - {name: dome, oauth: /etc/dome.json, rules: rules.yaml}
"""


def load(folder: Path, text: str) -> PortalsFile:
    (folder / "rules.yaml").write_text(EVERYTHING, encoding="utf-8")
    file = folder / "portals.yaml"
    file.write_text(text, encoding="utf-8")
    return load_portals(file)


def test_each_portal_has_its_way_in_tags_rules_and_overrides(tmp_path: Path) -> None:
    acme, bolt, cone, dome = load(tmp_path, GOOD).portals
    assert acme.webhook == Source(Kind.FILE, str(tmp_path / "secrets" / "acme")), "beside the file"
    assert (bolt.webhook, cone.webhook) == (Source(Kind.ENV, "BOLT"), Source(Kind.KEYRING, "cone"))
    assert (dome.webhook, dome.oauth) == (None, Path("/etc/dome.json"))
    assert acme.tags == {"region": "north", "tier": "1"}
    assert acme.rules.limits == Limits(max_kill=7, max_percent=None, max_failed_percent=None)
    assert acme.rules.pace.concurrency == 2
    assert bolt.rules.limits.max_kill is None
    assert acme.rules.digest == bolt.rules.digest, "overrides make no other rules"


def test_every_fault_of_the_file_and_of_its_rules_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 2\nrules: []\n", encoding="utf-8")
    text = """\
portals:
  - {name: acme, webhok: {env: A}, rules: rules.yaml}
  - {name: acme, webhook: {env: A, file: b}, rules: bad.yaml}
  - {name: "a b", oauth: x, webhook: {env: A}, rules: missing.yaml}
  - {tags: {region: no}, overrides: {limit: {}, pace: {concurrency: many}}}
"""
    with pytest.raises(Faults) as caught:
        load(tmp_path, text)
    told = str(caught.value)
    for wanted in (
        "portals.yaml:2:18: a portal has no key “webhok”. Did you mean “webhook”?",
        "portals.yaml:3:12: the name “acme” is taken; line 2 has it",
        "portals.yaml:3:27: one place is wanted here",
        "bad.yaml:1:10: this version is not known",
        "portals.yaml:4:12: a name has up to 64 letters",
        "portals.yaml:4:5: “webhook” and “oauth” are two ways in",
        "missing.yaml:1:1: there is no such file",
        "portals.yaml:5:5: a portal lacks “name”",
        "portals.yaml:5:5: a portal lacks its way in",
        "portals.yaml:5:5: a portal lacks “rules”",
        "portals.yaml:5:21: no without quotes is a yes or no",
        "portals.yaml:5:38: overrides has no key “limit”. Did you mean “limits”?",
        "portals.yaml:5:69: a whole number from 1",
    ):
        assert wanted in told, told


@pytest.mark.parametrize("text", ["", "portals: []\n", "portals: {a: b}\n", "portal: []\n", "- a\n"])
def test_a_file_without_portals_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Faults):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "line",
    [
        "{name: acme, webhook: SECRET, rules: rules.yaml}",
        "{name: acme, webhook: {url: SECRET}, rules: rules.yaml}",
        "{name: SECRET, webhook: {env: A}, rules: rules.yaml}",
        "{name: acme, webhook: {env: SECRET, rules: rules.yaml",
        "{SECRET: acme}",
    ],
)
def test_an_address_in_the_wrong_place_is_not_repeated(tmp_path: Path, line: str) -> None:
    text = f"portals:\n  - {line}\n".replace("SECRET", '"https://acme.bitrix24.ru/rest/1/q7w8e9r0t1/"')
    with pytest.raises(Faults) as caught:
        load(tmp_path, text)
    assert "q7w8e9r0t1" not in str(caught.value)
    assert "portals.yaml:" in str(caught.value)
