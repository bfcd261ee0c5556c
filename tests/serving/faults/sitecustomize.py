"""Read by Python at its start where this folder is on its path: a wall clock that a file sets.

``MUSLIN_TEST_CLOCK`` names a file with the seconds by which the clock of the process is wrong.
"""

import os
import time

if path := os.environ.get("MUSLIN_TEST_CLOCK"):
    right = time.time

    def shift() -> float:
        try:
            with open(path) as file:
                return float(file.read() or 0)
        except FileNotFoundError:
            return 0.0

    time.time = lambda: right() + shift()
    time.time_ns = lambda: int(time.time() * 1e9)
