"""Estimators and what they share."""

from __future__ import annotations

import os

# GNU OpenMP's threads spin while they wait for each other. Where anything else wants the cores,
# a training then takes ten times as long: 84 s instead of 7 s, beside a busy process on two cores.
# It is read when the library is loaded, so it must stand before the first import of LightGBM.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
