"""Nights: units, manifests and the container file pass their linters; carry-over, overlap, credentials, exit codes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cleanup import private_file
from cleanup.errors import UsageError
from cleanup.portal import access
from cleanup.portal.given import Given
from cleanup.redaction import Redactor
from cleanup.state_directory import StateDirectory
from tests.harness import EVERYTHING, Shop, shop

TOP = Path(__file__).parent.parent
CONFIGS = TOP / "configs"
SERVICE = (CONFIGS / "systemd" / "b24-cleanup.service").read_text(encoding="utf-8")
NIGHT = CONFIGS / "container" / "night"
CONTAINERFILE = CONFIGS / "container" / "Containerfile"
WEBHOOK = "https://acme.bitrix24.ru/rest/1/abcdefabcdef/"
MANIFESTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((CONFIGS / "kubernetes" / "cronjob.yaml").read_text(encoding="utf-8"))
)
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


# The window, overlap, missed nights


def test_what_a_night_left_is_carried_over_to_the_next_and_nothing_ends_twice(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "900", "--licence", "ru_selfhosted", "--kill-seconds", "0.05") as here:
        night = ("run", here.rules(EVERYTHING), "--include-locked", "--metrics-file", "b24.prom")
        first = here.call(*night, "--max-duration", "1s")
        assert first.returncode == 6, first.stderr
        assert here.ledger()["kills_effective"] < 900
        second = here.call(*night)
        assert second.returncode == 0, second.stderr
        assert "First finishing the run" in second.stderr
        ledger = here.ledger()
        assert (ledger["kills_effective"], ledger["kills_repeated"]) == (900, 0)
    metrics = (tmp_path / "b24.prom").read_text(encoding="utf-8")
    (selected,) = re.findall(r"^b24_cleanup_selected{.*} (.+)$", metrics, re.MULTILINE)
    assert float(selected) == 900, "the run that was finished first counts, too"


def test_two_nights_at_once_are_one(tmp_path: Path) -> None:
    with shop(tmp_path, "--instances", "10", "--licence", "ru_selfhosted") as here:
        with StateDirectory(tmp_path / "state").lock(here.portal):
            assert here.call("run", here.rules(EVERYTHING)).returncode == 7
        assert here.ledger()["kills_effective"] == 0


# Credentials


def portal_of(file: Path) -> str:
    return access.find(Given(webhook_file=file), Redactor()).authorization.portal


def secret_file(folder: Path, mode: int) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "webhook"
    file.write_text(WEBHOOK, encoding="utf-8")
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("mode", "accepted"), [(0o400, True), (0o600, True), (0o440, False), (0o640, False), (0o604, False), (0o644, False)]
)
def test_a_webhook_file_of_ours_may_be_read_by_us_only(tmp_path: Path, mode: int, accepted: bool) -> None:
    file = secret_file(tmp_path / "own", mode)
    if accepted:
        assert portal_of(file) == "acme.bitrix24.ru"
    else:
        with pytest.raises(UsageError, match="can be read by others"):
            portal_of(file)


@pytest.mark.parametrize(("mode", "accepted"), [(0o400, True), (0o440, True), (0o444, False)])
def test_systemd_gives_credentials_as_0400_or_0440_in_a_directory_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, accepted: bool
) -> None:
    file = secret_file(tmp_path / "credentials", mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    if accepted:
        assert portal_of(file) == "acme.bitrix24.ru"
        assert private_file.read(file, "notify file") == WEBHOOK
    else:
        with pytest.raises(UsageError):
            portal_of(file)


@needs_root
@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_a_mounted_secret_that_belongs_to_another_user_may_be_readable_by_its_group(tmp_path: Path, mode: int) -> None:
    """Kubernetes mounts a link to a file of root's, with the group of fsGroup; here the other user is 10001."""
    file = secret_file(tmp_path / "..data", mode)
    os.chown(file, 10001, 10001)
    link = tmp_path / "webhook"
    link.symlink_to(file)
    assert portal_of(link) == "acme.bitrix24.ru"


# systemd


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units_and_calls_the_service_safe(tmp_path: Path) -> None:
    runnable = SERVICE.replace("/opt/b24-cleanup/bin/b24-cleanup", sys.executable)
    (tmp_path / "b24-cleanup.service").write_text(runnable, encoding="utf-8")
    shutil.copy(CONFIGS / "systemd" / "b24-cleanup.timer", tmp_path)
    units = [str(tmp_path / name) for name in ("b24-cleanup.service", "b24-cleanup.timer")]
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in verified.stderr.splitlines() if "b24-cleanup" in line]
    assert (verified.returncode, ours) == (0, [])
    rated = ("systemd-analyze", "security", "--offline=yes", "--threshold=20", units[0])
    subprocess.run(rated, capture_output=True, check=True)


def test_the_service_gives_the_tool_options_that_it_has_and_ends_as_the_page_says() -> None:
    folded = SERVICE.replace("\\\n", " ")
    (command,) = re.findall(r"^ExecStart=(.+)$", folded, re.MULTILINE)
    named = set(re.findall(r"--[a-z-]+", command))
    shown = subprocess.run(
        [sys.executable, "-m", "cleanup", "run", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in shown for option in named)
    assert {"--until", "--max-duration"} <= named, "a missed night that is caught up needs an end of its own"
    assert re.search(r"^SuccessExitStatus=6 143$", SERVICE, re.MULTILINE)
    assert re.search(r"^LoadCredential=webhook:", SERVICE, re.MULTILINE)
    assert "NoNewPrivileges=yes" in SERVICE
    assert "ProtectSystem=strict" in SERVICE
    assert "Restart=" not in re.sub(r"^#.*$", "", SERVICE, flags=re.MULTILINE)


# Kubernetes and the container


@pytest.mark.parametrize("version", ["1.27", "1.33"])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_kubernetes_schemas_accept_the_manifests(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_night_in_kubernetes_neither_overlaps_nor_repeats_and_is_not_root() -> None:
    job = next(manifest for manifest in MANIFESTS if manifest["kind"] == "CronJob")["spec"]
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert [v["secret"]["defaultMode"] for v in pod["volumes"] if "secret" in v] == [0o400]
    seconds = 4 * 3600 + pod["terminationGracePeriodSeconds"]
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] > seconds, "--max-duration ends it, not the deadline"
    assert not any("B24_WEBHOOK_URL" in str(variable) for variable in container["env"])


def test_hadolint_accepts_the_container_file() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([str(hadolint), str(CONTAINERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_container_copies_what_there_is_and_is_not_root() -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert all((TOP / source).exists() for source in sources if not source.startswith("--"))
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE)[-1] == "10001:10001"


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """A b24-cleanup that ends with the code of its second argument, after finishing what is in flight when asked."""
    tool = tmp_path / "b24-cleanup"
    tool.write_text(
        "#!/bin/sh\ntrap 'sleep 0.2; echo recorded; exit 143' TERM\n"
        '[ "$2" = wait ] && { echo began; while :; do sleep 0.05; done; }\nexit "$2"\n',
        encoding="utf-8",
    )
    tool.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("code", "told"), [(0, 0), (2, 2), (3, 3), (4, 4), (5, 5), (6, 0), (7, 7)])
def test_a_job_sees_a_success_in_0_and_6_only(stub: Path, code: int, told: int) -> None:
    path = f"{stub}:/usr/bin:/bin"
    assert subprocess.run([str(NIGHT), str(code)], env={"PATH": path}, check=False).returncode == told


def test_a_pod_that_is_ended_waits_for_what_is_in_flight(stub: Path) -> None:
    night = subprocess.Popen(
        [str(NIGHT), "wait"], env={"PATH": f"{stub}:/usr/bin:/bin"}, stdout=subprocess.PIPE, text=True
    )
    assert night.stdout is not None
    assert night.stdout.readline() == "began\n"
    time.sleep(0.1)
    night.send_signal(signal.SIGTERM)
    assert night.wait(timeout=10) == 143
    assert night.stdout.read() == "recorded\n"
    night.stdout.close()


def test_without_a_webhook_the_night_says_what_to_do(tmp_path: Path) -> None:
    here = Shop("", tmp_path)
    done = here.call("run", here.rules(EVERYTHING))
    assert done.returncode == 2
    assert "B24_WEBHOOK_URL" in done.stderr
