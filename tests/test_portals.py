"""Many portals in one process: each ends in its own way, none in another's, and the worst is told."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console

from cleanup.commands import Fleet, Window, run_portals
from cleanup.config import load_portals
from cleanup.errors import BADNESS, ExitCode, worst
from cleanup.redaction import Redactor
from cleanup.state_directory import StateDirectory
from scripts.portals import serving
from tests.harness import EVERYTHING, Shop, shop, sums_hold

QUICK = ("--licence", "ru_selfhosted", "--kill-seconds", "0.001", "--bucket", "0")


def write(folder: Path, webhooks: dict[str, str], **more: str) -> Path:
    """The portals file of these; `more` is put behind what the portal of that name has."""
    (folder / "rules.yaml").write_text(EVERYTHING, encoding="utf-8")
    lines = ["portals:"]
    for name, webhook in webhooks.items():
        secret = folder / f"{name}.webhook"
        secret.write_text(webhook, encoding="utf-8")
        secret.chmod(0o600)
        behind = more.get(name, "")
        lines.append(f"  - {{name: {name}, webhook: {{file: {name}.webhook}}, rules: rules.yaml{behind}}}")
    file = folder / "portals.yaml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@dataclass(frozen=True, slots=True)
class Shops:
    shops: dict[str, Shop]
    folder: Path

    def call(self, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
        """Exit code, the parts of the document by name, stderr."""
        done = next(iter(self.shops.values())).call("run", "--portals", "portals.yaml", "-o", "json", *words)
        if not done.stdout:
            return done.returncode, {}, done.stderr
        document = json.loads(done.stdout)
        assert document["verb"] == "run"
        assert document["exit"] == done.returncode
        return done.returncode, {part["name"]: part for part in document["portals"]}, done.stderr


@contextmanager
def shops(folder: Path, *names: str, tags: dict[str, str] | None = None) -> Iterator[Shops]:
    with ExitStack() as opened:
        open_shops = {name: opened.enter_context(shop(folder, "--instances", "60", *QUICK)) for name in names}
        more = {name: f", tags: {{{tag}}}" for name, tag in (tags or {}).items()}
        write(folder, {name: here.webhook for name, here in open_shops.items()}, **more)
        yield Shops(open_shops, folder)


def test_one_portal_fails_one_is_held_and_the_third_is_cleaned(tmp_path: Path) -> None:
    with shops(tmp_path, "wrong", "held", "clean") as all_:
        wrong = all_.shops["wrong"].webhook.replace("sandbox0demo0key", "never0was0a0key")
        (tmp_path / "wrong.webhook").write_text(wrong, encoding="utf-8")
        with StateDirectory(tmp_path / "state").lock(all_.shops["held"].portal):
            code, parts, told = all_.call("--log-file", "night.log", "--log-format", "json")
        ledgers = {name: here.ledger()["kills_effective"] for name, here in all_.shops.items()}
    assert code == ExitCode.ACCESS, told
    assert {name: part["exit"] for name, part in parts.items()} == {"wrong": 5, "held": 7, "clean": 0}
    assert parts["wrong"]["document"] is parts["held"]["document"] is None
    assert "Another run holds" in parts["held"]["message"]
    assert "wrong: " in told
    assert "held: " in told
    assert "clean: " not in told
    assert "never0was0a0key" not in told
    document = parts["clean"]["document"]
    assert sums_hold(document)
    assert document["totals"]["killed"] == ledgers["clean"] > 0
    assert ledgers["wrong"] == ledgers["held"] == 0
    lines = [json.loads(line) for line in (tmp_path / "night.log").read_text(encoding="utf-8").splitlines()]
    assert {line["name"] for line in lines} == {"wrong", "held", "clean"}
    assert {line["portal"] for line in lines if line["name"] == "clean"} == {parts["clean"]["portal"]}
    ends = {line["name"]: line["event"] for line in lines if line["event"].startswith("verb.")}
    assert ends == {"wrong": "verb.failed", "held": "verb.failed", "clean": "verb.done"}


def test_portals_are_chosen_by_name_and_by_tags(tmp_path: Path) -> None:
    tags = {"a": "region: north, tier: 1", "b": "region: north", "c": "region: south"}
    with shops(tmp_path, "a", "b", "c", tags=tags) as all_:
        for words, chosen in (
            (("--tag", "region=north"), {"a", "b"}),
            (("--tag", "region=north", "--tag", "tier=1"), {"a"}),
            (("--portal", "c", "--portal", "a"), {"a", "c"}),
        ):
            code, parts, told = all_.call("--dry-run", *words)
            assert (code, set(parts)) == (0, chosen), told
        for words, said in (
            (("--portal", "cc"), "Did you mean “c”?"),
            (("--portal", "c", "--tag", "region=north"), "No portal of portals.yaml fits"),
            (("--tag", "north"), "KEY=VALUE"),
            (("--webhook-file", "a.webhook"), "--webhook-file cannot go with --portals"),
            (("rules.yaml",), "RULES cannot go with --portals"),
        ):
            code, parts, told = all_.call(*words)
            assert (code, parts) == (2, {})
            assert said in told
        alone = all_.shops["a"].call("run", "rules.yaml", "--tag", "a=b")
        assert alone.returncode == 2
        assert "--portals FILE" in alone.stderr
        assert all(not here.ledger()["kills_effective"] for here in all_.shops.values())


def test_a_portal_that_is_named_twice_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with shops(tmp_path, "one", "two") as all_:
        again = all_.shops["one"].webhook.replace("/rest/1/", "/rest/7/")
        (tmp_path / "two.webhook").write_text(again, encoding="utf-8")
        code, _, told = all_.call()
        assert code == 2
        assert f"portals.yaml:3:5: “two” is {all_.shops['one'].portal}, which “one” in line 2 is already" in told
        assert not any(here.ledger()["calls"] for here in all_.shops.values())


def test_the_caps_of_one_portal_are_its_own_and_a_missing_secret_is_its_own_too(tmp_path: Path) -> None:
    with shops(tmp_path, "capped", "lost", "free") as all_:
        text = (tmp_path / "portals.yaml").read_text(encoding="utf-8")
        capped = text.replace("capped.webhook}, ", "capped.webhook}, overrides: {limits: {max_kill: 3}}, ")
        (tmp_path / "portals.yaml").write_text(capped, encoding="utf-8")
        (tmp_path / "lost.webhook").unlink()
        code, parts, told = all_.call("--metrics-file", "all.prom")
    assert code == ExitCode.SAFETY_STOP, told
    assert {name: part["exit"] for name, part in parts.items()} == {"capped": 4, "lost": 2, "free": 0}
    assert "limits.max_kill allows 3" in parts["capped"]["message"]
    assert parts["lost"]["portal"] is None
    metrics = (tmp_path / "all.prom").read_text(encoding="utf-8")
    assert metrics.count("b24_cleanup_exit_code{") == 3


def test_the_first_signal_stops_all_of_them_and_the_next_night_finishes(tmp_path: Path) -> None:
    slow = ("--instances", "120", "--licence", "ru_selfhosted", "--bucket", "0", "--kill-seconds", "0.01")
    with ExitStack() as opened:
        here = [opened.enter_context(shop(tmp_path, *slow)) for _ in range(3)]
        write(tmp_path, {f"p{number}": each.webhook for number, each in enumerate(here)})
        process = here[0].start("run", "--portals", "portals.yaml", "--at-once", "2", "-o", "json")
        until = time.monotonic() + 30
        while not all(each.ledger()["kills_effective"] for each in here[:2]) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=30)
        parts = json.loads(out)["portals"]
        assert process.returncode == 130, told
        assert [part["exit"] for part in parts] == [130, 130, 130]
        assert "It was not begun" in parts[2]["message"]
        assert all(part["document"]["totals"]["killed"] > 0 for part in parts[:2])
        assert all(part["document"]["in_doubt"] == 0 for part in parts[:2])
        done = here[0].call("run", "--portals", "portals.yaml", "-o", "json")
        assert done.returncode == 0, done.stderr
        assert "p0: First finishing the run" in done.stderr
        assert all(each.ledger()["kills_repeated"] == 0 for each in here)


def test_the_second_signal_stops_all_at_once_and_each_still_tells_what_it_recorded(tmp_path: Path) -> None:
    slow = ("--instances", "100", "--licence", "ru_selfhosted", "--bucket", "0", "--kill-seconds", "0.1")
    with shop(tmp_path, *slow) as one, shop(tmp_path, *slow) as two:
        write(tmp_path, {"one": one.webhook, "two": two.webhook})
        process = one.start("run", "--portals", "portals.yaml", "-o", "json")
        until = time.monotonic() + 30
        while not (one.ledger()["kills_effective"] and two.ledger()["kills_effective"]) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=30)
        assert time.monotonic() - asked < 2
        assert process.returncode == 130, told
        documents = [part["document"] for part in json.loads(out)["portals"]]
        assert all(sums_hold(document) and document["totals"]["pending"] for document in documents)
        assert "Resume with: b24-cleanup apply" in told


async def test_no_portal_blocks_the_others(tmp_path: Path) -> None:
    """Twelve portals, one of them held by another run: the longest gap of a heartbeat beside them stays short."""
    gaps = [0.0]

    async def beat() -> None:
        while True:
            before = time.monotonic()
            await anyio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    with serving(12, instances=60, kill_seconds=0.001) as webhooks:
        file = load_portals(write(tmp_path, {f"p{number}": webhook for number, webhook in enumerate(webhooks)}))
        state = StateDirectory(tmp_path / "state")
        fleet = Fleet(state=state, redactor=Redactor(), console=Console(file=StringIO()), window=Window(), at_once=8)
        with state.lock(webhooks[3].split("/")[2]):
            async with anyio.create_task_group() as beside:
                beside.start_soon(beat)
                ends = await run_portals(fleet, file.portals)
                beside.cancel_scope.cancel()
    assert [end.ended.exit_code for end in ends] == [7 if number == 3 else 0 for number in range(12)]
    assert max(gaps) < 0.8, "to wait for a lock, or for an answer, in the loop takes longer"


def test_each_exit_code_of_a_run_has_its_place_in_the_order_of_badness() -> None:
    assert {*BADNESS} == {*ExitCode} - {ExitCode.PLAN_NOT_EMPTY}
    assert worst([]) == 0
    assert worst([0, 6, 7]) == 7
    assert worst([3, 5, 130]) == 5
    assert worst([6, 130, 0]) == 130
