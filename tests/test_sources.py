"""Where secrets come from: each kind of place, and what is told when there is none."""

import json
import os
from pathlib import Path

import pytest

from cleanup import sources
from cleanup.errors import UsageError
from cleanup.sources import Kind, Source
from tests.harness import Shop, shop

SECRET = "s3cr3t0of0sources"  # noqa: S105 - of nobody
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


def written(path: Path, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(source: Source) -> str:
    with pytest.raises(UsageError) as caught:
        sources.read(source, "client secret")
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", [*Kind])
def test_a_source_is_written_as_its_kind_and_name(kind: Kind) -> None:
    source = sources.parse(f"{kind}:a:b")
    assert (source.kind, source.name) == (kind, "a:b")
    assert "a:b" in str(source)


@pytest.mark.parametrize("text", [SECRET, "", "env:", ":x", "pass:word", f"https://x/rest/1/{SECRET}/"])
def test_what_is_no_source_is_not_repeated_since_it_may_be_the_secret(text: str) -> None:
    with pytest.raises(UsageError, match="env:NAME, file:PATH") as caught:
        sources.parse(text)
    assert SECRET not in str(caught.value)


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(Kind.ENV, "PLACE")
    assert "not set" in refusal(source)
    monkeypatch.setenv("PLACE", "  ")
    assert "empty" in refusal(source)
    monkeypatch.setenv("PLACE", f"{SECRET}\n")
    assert sources.read(source, "client secret") == SECRET


@pytest.mark.parametrize(("mode", "accepted"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_a_file_of_ours_may_be_read_by_us_only(tmp_path: Path, mode: int, accepted: bool) -> None:
    source = Source(Kind.FILE, str(written(tmp_path / "secret", mode)))
    if accepted:
        assert sources.read(source, "client secret") == SECRET
    else:
        assert "can be read by others" in refusal(source)


def test_a_file_that_is_missing_empty_or_no_text_is_told(tmp_path: Path) -> None:
    assert "No such file" in refusal(Source(Kind.FILE, str(tmp_path / "none")))
    written(tmp_path / "empty").write_text("", encoding="utf-8")
    assert "empty" in refusal(Source(Kind.FILE, str(tmp_path / "empty")))
    written(tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refusal(Source(Kind.FILE, str(tmp_path / "bytes")))


def mounted_by_kubernetes(folder: Path, mode: int) -> Path:
    """As kubelet lays it out: NAME is a link to ..data/NAME, and ..data one to the newest version."""
    file = written(folder / "..2026_11_25_02_15_00.1" / "secret", mode)
    (folder / "..data").symlink_to(file.parent.name)
    (folder / "secret").symlink_to(Path("..data") / "secret")
    return folder / "secret"


@pytest.mark.parametrize(
    ("mode", "accepted"), [(0o400, True), (0o440, True), (0o444, True), (0o644, True), (0o646, False)]
)
def test_a_secret_that_kubernetes_mounts_may_be_readable_but_not_writable(
    tmp_path: Path, mode: int, accepted: bool
) -> None:
    """Where the container's user is root the file is ours, and 0644 is the default mode."""
    source = Source(Kind.FILE, str(mounted_by_kubernetes(tmp_path / "mount", mode)))
    if accepted:
        assert sources.read(source, "client secret") == SECRET
    else:
        assert "can be changed by others" in refusal(source)


@needs_root
@pytest.mark.parametrize(("mode", "accepted"), [(0o444, True), (0o644, True), (0o666, False)])
def test_a_file_of_somebody_else_is_theirs_to_guard_but_not_for_everybody_to_change(
    tmp_path: Path, mode: int, accepted: bool
) -> None:
    file = written(tmp_path / "secret", mode)
    os.chown(file, 10001, 10001)
    if accepted:
        assert sources.read(Source(Kind.FILE, str(file)), "client secret") == SECRET
    else:
        assert "can be changed by others" in refusal(Source(Kind.FILE, str(file)))


def test_a_credential_of_systemd_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    source = Source(Kind.CREDENTIAL, "webhook")
    assert "LoadCredential=webhook:" in refusal(source)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert "No such file" in refusal(source)
    written(tmp_path / "webhook", 0o440)
    assert sources.read(source, "client secret") == SECRET
    assert "plain name" in refusal(Source(Kind.CREDENTIAL, "../webhook"))


def keyring_environment(folder: Path) -> dict[str, str]:
    file = folder / "keyring.json"
    file.write_text(json.dumps({"b24-cleanup acme": SECRET}), encoding="utf-8")
    top = Path(__file__).parent.parent
    backend = {"PYTHON_KEYRING_BACKEND": "tests.keyring_backend.Keyring", "PYTHONPATH": str(top)}
    return backend | {"TEST_KEYRING": str(file)}


def test_the_keyring_through_its_own_library(tmp_path: Path) -> None:
    code = "from cleanup import sources; print(sources.read(sources.parse('keyring:acme'), 'webhook'))"
    here = Shop("", tmp_path)
    done = here.python("-c", code, **keyring_environment(tmp_path))
    assert done.stdout == f"{SECRET}\n", done.stderr


@pytest.mark.parametrize(
    ("name", "environment", "words"),
    [
        pytest.param("other", {}, "keyring set b24-cleanup other", id="no such entry"),
        pytest.param("acme", {"TEST_KEYRING_LOCKED": "yes"}, "unlocked", id="locked"),
        pytest.param("acme", {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}, "none that works", id="none"),
        pytest.param("acme", {"PYTHONPATH": "hidden"}, "b24-cleanup[keyring]", id="not installed"),
    ],
)
def test_a_keyring_that_does_not_answer_says_what_to_do(
    tmp_path: Path, name: str, environment: dict[str, str], words: str
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "keyring.py").write_text("raise ImportError", encoding="utf-8")
    here = Shop("", tmp_path)
    done = here.call("check", "--webhook-from", f"keyring:{name}", **(keyring_environment(tmp_path) | environment))
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["env:HERE", "file:here", "credential:here", "keyring:acme"])
def test_check_tells_the_source_and_never_the_secret(tmp_path: Path, given: str) -> None:
    with shop(tmp_path, "--instances", "5", "--licence", "ru_selfhosted") as here:
        written(tmp_path / "here").write_text(here.webhook, encoding="utf-8")
        environment = keyring_environment(tmp_path) | {"CREDENTIALS_DIRECTORY": str(tmp_path), "HERE": here.webhook}
        (tmp_path / "keyring.json").write_text(json.dumps({"b24-cleanup acme": here.webhook}), encoding="utf-8")
        done = here.call("check", "--webhook-from", given, **(environment | {"B24_WEBHOOK_URL": "not this one"}))
    assert done.returncode == 0, done.stderr
    assert str(sources.parse(given)) in done.stdout
    assert here.secret not in done.stdout + done.stderr
