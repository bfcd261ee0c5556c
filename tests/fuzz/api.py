"""Ask every endpoint of a real service what schemathesis makes of its OpenAPI document.

    python -m tests.fuzz.api --cases 10000

A small shop is trained and served by a process of its own; rounds go on until that many requests
were answered. A 5xx, an answer that the document does not describe, a refusal of a method without
``Allow``, and a request taken against the document are each shown with a `curl` line; exit code 1
then. ``--url`` asks a service that runs already.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST = ("examples", "coverage", "fuzzing")
_PER_ENDPOINT = 100
_ENDPOINTS = 5
# What stands in a body is judged by more than its shape: a size that the product does not have,
# another line's claim, a product that is not known. 5xx are never right here.
_CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "422"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
"""


@dataclass
class Asked:
    """What a round, or all rounds, came to."""

    cases: int = 0
    failures: list[str] = field(default_factory=list)


def ask(
    url: str,
    *,
    examples: int,
    seed: int,
    phases: Sequence[str] = FIRST,
    headers: Sequence[str] = (),
) -> Asked:
    """One round of schemathesis; what it says goes to standard error."""
    with tempfile.TemporaryDirectory(prefix="muslin-fuzz-") as made:
        folder = Path(made)
        (folder / "schemathesis.toml").write_text(_CONFIG)
        report = folder / "report.json"
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file"),
            *(str(folder / "schemathesis.toml"), "run", f"{url}/docs.json"),
            *("--phases", ",".join(phases), "--max-examples", str(examples)),
            *("--seed", str(seed), "--checks", "all", "--continue-on-failure", "--no-color"),
            *("--generation-database", "none", "--report-json-path", str(report)),
            *[part for header in headers for part in ("-H", header)],
            # A key that is given would be sent beside made-up ones, and is right to win.
            *(("--generation-with-security-parameters", "false") if headers else ()),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"schemathesis did not run:\n{done.stdout}\n{done.stderr}")
        told = json.loads(report.read_text("utf-8"))
        failures = [f"{each['title']}: {each['operations']}" for each in told["failures"]]
        if done.returncode and not failures:
            failures = [f"schemathesis ended with {done.returncode}"]
        if failures:
            sys.stderr.write(done.stdout)
        return Asked(told["test_cases"]["generated"], failures)


@contextlib.contextmanager
def _service(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    from tests.fuzz.shop import served

    with tempfile.TemporaryDirectory(prefix="muslin-shop-") as folder, served(Path(folder)) as own:
        yield own


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask until there are enough cases; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.api", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--url", help="of a service that runs; else one is trained and started")
    parser.add_argument("--header", action="append", default=[], help="such as 'X-API-Key: msl_'")
    given = parser.parse_args(arguments)
    total, seed, phases = Asked(), given.seed, FIRST
    with _service(given.url) as url:
        while total.cases < given.cases:
            left = given.cases - total.cases
            examples = _PER_ENDPOINT if phases is FIRST else max(20, left // _ENDPOINTS)
            asked = ask(url, examples=examples, seed=seed, phases=phases, headers=given.header)
            if not asked.cases:
                raise RuntimeError("schemathesis asked nothing")
            total.cases += asked.cases
            total.failures += asked.failures
            print(f"seed {seed}: {asked.cases} cases, {total.cases} in all", flush=True)  # noqa: T201
            seed, phases = seed + 1, FIRST[-1:]
    for failure in total.failures:
        print(failure)  # noqa: T201
    print(f"{total.cases} cases, {len(total.failures)} failures")  # noqa: T201
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
