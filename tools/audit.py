"""Ask a vulnerability service about the pinned packages; ``make audit`` calls this.

pip-audit says "No known vulnerabilities found" also if the service knew none of the
packages. Here that is an error.

Exit status: 0 if all packages were checked and none has a known vulnerability, 1 if
one has, 2 if some or all could not be checked.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parents[1] / "requirements" / "cpu-py311.txt"
MAX_NAMED = 10


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pins", type=Path, default=PINS, help="file of pinned requirements")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="whom to ask")
    return parser.parse_args(argv)


def ask(pins: Path, service: str) -> tuple[list[dict[str, Any]], str]:
    """Run pip-audit.

    Returns:
        Its entry of each package, empty after an error, and the last line of its log.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--no-deps"]
    command += ["--disable-pip", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run([*command, "-s", service], capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
    try:
        return json.loads(done.stdout)["dependencies"], lines[-1]
    except (ValueError, KeyError, TypeError):
        return [], lines[-1]


def judge(packages: Sequence[dict[str, Any]], log: str) -> tuple[int, list[str]]:
    """Return the exit status and the lines to print.

    Args:
        packages: Entries of pip-audit, with ``vulns`` or ``skip_reason``.
        log: Last line of pip-audit's log.
    """
    checked = [package for package in packages if "vulns" in package]
    skipped = [str(package["name"]) for package in packages if "vulns" not in package]
    if not checked:
        reason = f"it knows none of the {len(packages)} packages" if packages else log
        text = f"error: the vulnerability service gave no answer, so nothing was checked: {reason}"
        return 2, [text]
    lines = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in "
        f"{', '.join(vulnerability.get('fix_versions') or ['no version'])}"
        for package in checked
        for vulnerability in package["vulns"]
    ]
    status = 1 if lines else 0
    lines.append(f"{len(checked)} packages checked, {len(lines)} known vulnerabilities")
    if skipped:
        more = ", ..." if len(skipped) > MAX_NAMED else ""
        lines.append(
            f"error: {len(skipped)} packages were not checked: "
            f"{', '.join(skipped[:MAX_NAMED])}{more}"
        )
        status = status or 2
    return status, lines


def main(argv: Sequence[str] | None = None) -> int:
    """Ask, print the answer and return the exit status."""
    args = parse_args(argv)
    if not args.pins.is_file():
        print(f"error: no file of pins at {args.pins}; give another --pins", file=sys.stderr)
        return 2
    status, lines = judge(*ask(args.pins, args.service))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
