"""What is installed has all that it needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

TOP = Path(__file__).parent.parent


def test_the_wheel_holds_the_templates_of_the_page(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=TOP, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    templates = {str(file.relative_to(TOP)) for file in (TOP / "cleanup/reports/html/templates").iterdir()}
    assert len(templates) >= 5
    assert templates <= held
