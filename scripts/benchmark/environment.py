"""The peers' own environment, made from requirements.txt when that has changed."""

import hashlib
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_ENVIRONMENT = _ROOT / ".venv-bench"
PYTHON = _ENVIRONMENT / "bin" / "python"


def make() -> None:
    stamp = _ENVIRONMENT / "stamp"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    print(f"Making the peers' environment in {_ENVIRONMENT.name} (once) …", file=sys.stderr)
    _uv("venv", "--clear", "--python", sys.executable, str(_ENVIRONMENT))
    _uv("pip", "sync", "--require-hashes", "--python", str(PYTHON), str(_REQUIREMENTS))
    stamp.write_text(wanted, encoding="ascii")


def version(package: str) -> str:
    """The pinned one."""
    pins = (line.partition("==") for line in _REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    return next(rest.split()[0] for name, _, rest in pins if name == package)


def _uv(*words: str) -> None:
    subprocess.run([str(Path(sys.executable).with_name("uv")), "--quiet", *words], check=True)
