"""A worker whose main process is gone, told on real processes."""

import subprocess

import psutil
import pytest

from serving.parent import SERVED_BY

CHILD = """
import os, sys, time
from serving.parent import end_with_parent

how, parent = sys.argv[1:]
while how == "late" and os.getppid() == int(parent):
    time.sleep(0.01)
end_with_parent()
print("watching", flush=True)
time.sleep(1.5 if how == "stays" else 60)
print("went on", flush=True)
"""
PARENT = f"""
import os, subprocess, sys

how, child = sys.argv[1:]
me = str(os.getpid())
worker = subprocess.Popen(
    [sys.executable, "-c", child, how, me],
    env={{**os.environ, {SERVED_BY!r}: me}},
    stdout=subprocess.PIPE,
    text=True,
)
print(worker.pid, flush=True)
if how == "early":
    worker.stdout.readline()
if how == "stays":
    print(worker.stdout.read(), flush=True)
os._exit(9)
"""


@pytest.mark.parametrize("how", ["early", "late", "stays"])
def test_a_worker_ends_with_its_parent_whenever_that_ends(how, child_path, python):
    """Also with one that is gone before the worker first looks; and not while it lives."""
    done = subprocess.run(
        [python, "-c", PARENT, how, CHILD],
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    worker, *told = done.stdout.split("\n")
    assert ended(int(worker))
    assert ("went on" in told) is (how == "stays")


def ended(pid):
    """Whether a process ends by itself; it is killed if not."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return True
    try:
        process.wait(15)
    except psutil.TimeoutExpired:
        process.kill()
        return False
    return True
