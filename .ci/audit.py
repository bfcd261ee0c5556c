"""Look for known vulnerabilities of the locked dependencies.

Usage: audit.py PIP_AUDIT LOCK

Exit codes: 0 every locked package was looked up and none is known to be vulnerable; 1 some are; 3
no source of advisories could be asked, so nothing was looked up and nothing is said.

PyPI's own advisories are asked first, then those of OSV. By default pip-audit reports success when
it could look up nothing at all; here a package that could not be looked up is never taken for safe.
"""

from __future__ import annotations

import json
import subprocess
import sys

VULNERABLE, UNKNOWN = 1, 3
SOURCES = ("pypi", "osv")
ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern us, by id, each with the reason."""


def say(text: str) -> None:
    """Tell who reads the log of the run."""
    sys.stdout.write(f"audit: {text}\n")


def ask(pip_audit: str, lock: str, source: str) -> tuple[list[dict], str]:
    """Give what a source says of each locked package, or why it says nothing."""
    command = [pip_audit, "--requirement", lock, "--vulnerability-service", source]
    # Strict: it ends at the first package that it cannot look up.
    options = ["--disable-pip", "--require-hashes", "--strict", "--format", "json"]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, *options, "--progress-spinner", "off"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:300]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped or not packages:
        return [], f"it does not know {', '.join(skipped[:5]) or 'any package'}"
    return packages, ""


def main(pip_audit: str, lock: str) -> int:
    """Ask the sources in turn until one answers."""
    for source in SOURCES:
        packages, why = ask(pip_audit, lock, source)
        if packages:
            return judge(packages, source)
        say(f"{source} could not be asked: {why}")
    say("no source of advisories could be asked: NOTHING was audited")
    return UNKNOWN


def judge(packages: list[dict], source: str) -> int:
    """Tell what is known of the packages."""
    found = [
        (package, advisory)
        for package in packages
        for advisory in package.get("vulns", ())
        if not ACCEPTED.keys() & {advisory["id"], *advisory.get("aliases", ())}
    ]
    for package, advisory in found:
        fixed = ", ".join(advisory.get("fix_versions", ())) or "no version yet"
        named = f"{package['name']} {package['version']}"
        say(f"{named} has {advisory['id']}, mended in {fixed}")
    say(f"{len(packages)} packages looked up at {source}, {len(found)} advisories")
    return VULNERABLE if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
