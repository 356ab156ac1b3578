"""Tells what pip-audit found: packages with advisories, and how many could be looked up at all."""

import json
import sys
from pathlib import Path


def main(file: str) -> int:
    try:
        packages = json.loads(Path(file).read_text(encoding="utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError):
        print("No advisories could be read.")
        return 0
    looked_up = [package for package in packages if "skip_reason" not in package]
    print(f"{len(looked_up)} of {len(packages)} packages were looked up.")
    for package in looked_up:
        for advisory in package["vulns"]:
            print(f"{package['name']} {package['version']}: {advisory['id']}, fixed in {advisory['fix_versions']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
