"""What can be told of the locked dependencies without asking anybody.

Known vulnerabilities take a source of advisories: ``make audit``, whose judgement is tested here.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = ["requirements.lock", ".ci/audit.lock"]
AUDIT = ROOT / ".ci" / "audit.py"


def entries(name):
    """Each entry of a lock: its requirement, and the rest of it."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        requirement, _, rest = entry.partition(" \\\n")
        yield Requirement(requirement), rest


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_of_a_lock_is_one_version_with_hashes(lock):
    found = list(entries(lock))
    assert len(found) > 20
    for requirement, rest in found:
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert requirement.url is None
        hashes = rest.split(" \\\n")
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", each) for each in hashes)


def test_what_is_installed_agrees_with_one_another():
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_nothing_that_was_installed_was_taken_back_by_its_authors():
    log = ROOT / ".venv" / "install.log"  # what pip warned of
    if not log.exists():
        pytest.skip("the environment was set up without a log; make setup writes one")
    yanked = [line for line in log.read_text("utf-8").splitlines() if "yanked" in line]
    assert not yanked


PACKAGE = {"name": "jinja", "version": "1.0", "vulns": []}
ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}


@pytest.fixture
def audit(tmp_path):
    """Run the audit on what a source says of the packages; None for one that cannot be asked."""

    def run(**answers):
        tool = tmp_path / "pip-audit"
        tool.write_text(
            f"#!{sys.executable}\nimport json, sys\nanswers = json.loads({json.dumps(answers)!r})\n"
            "answer = answers[sys.argv[sys.argv.index('--vulnerability-service') + 1]]\n"
            "assert '--strict' in sys.argv\n"
            "if answer is None: sys.exit('no route to it')\n"
            "print(json.dumps({'dependencies': answer}))\n"
            "sys.exit(any(each.get('vulns') for each in answer))\n"
        )
        tool.chmod(0o755)
        return subprocess.run(
            [sys.executable, AUDIT, tool, "requirements.lock"],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_an_audit_that_finds_nothing_says_where_it_looked(audit):
    done = audit(pypi=[PACKAGE])
    assert done.returncode == 0
    assert "1 packages looked up at pypi, 0 advisories" in done.stdout


def test_a_vulnerable_package_fails_the_audit(audit):
    done = audit(pypi=[PACKAGE, {**PACKAGE, "vulns": [ADVISORY]}])
    assert done.returncode == 1
    assert "jinja 1.0 has PYSEC-1, mended in 1.1" in done.stdout


def test_another_source_is_asked_when_one_cannot_be(audit):
    done = audit(pypi=None, osv=[{**PACKAGE, "vulns": [{**ADVISORY, "fix_versions": []}]}])
    assert done.returncode == 1
    assert "pypi could not be asked: no route to it" in done.stdout
    assert "looked up at osv" in done.stdout
    assert "no version yet" in done.stdout


@pytest.mark.parametrize("answer", [None, [], [{"name": "jinja", "skip_reason": "not found"}]])
def test_what_was_not_looked_up_is_not_taken_for_safe(audit, answer):
    done = audit(pypi=answer, osv=answer)
    assert done.returncode == 3
    assert "NOTHING was audited" in done.stdout
