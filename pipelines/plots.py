"""Plots that go with a training run: is it calibrated, and do its size curves make sense?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from data_contracts.tables import FIT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration_plot", "size_curve_plot"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BINS = 10
_REACH = 3.0
_COLOURS = ("#4c72b0", "#55a868", "#c44e52")


def calibration_plot(predicted: Mapping[str, tuple[Bools, Floats]]) -> Figure:
    """Observed share against mean predicted share, by tenths of the lines.

    Parameters
    ----------
    predicted
        Whether it came true, and its probability on the rolling folds, each of shape (n,), by the
        name of what was predicted.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for colour, (name, (true, probability)) in zip(cycle(_COLOURS), predicted.items()):
        order = np.argsort(probability, kind="stable")
        parts = [part for part in np.array_split(order, _BINS) if len(part)]
        expected = [probability[part].mean() for part in parts]
        observed = [true[part].mean() for part in parts]
        axes.plot(expected, observed, marker="o", color=colour, label=name)
    axes.set(xlabel="mean predicted", ylabel="observed share", title="Calibration, rolling folds")
    axes.legend()
    return figure


def size_curve_plot(position: Floats, natural: Floats, probability: Floats) -> Figure:
    """Mean probability of small, fit, large against the steps from the person's natural size.

    Parameters
    ----------
    position, natural
        Place of each candidate size, and of the size the body points to; shape (n,).
    probability
        Shape (n, 3).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    step = np.round((position - natural) * 2) / 2
    at = [each for each in np.unique(step[np.isfinite(step)]) if abs(each) <= _REACH]
    for code, name in enumerate(FIT):
        mean = [probability[step == each, code].mean() for each in at]
        axes.plot(at, mean, marker="o", color=_COLOURS[code], label=name)
    axes.set(
        xlabel="steps from the natural size",
        ylabel="mean probability",
        title="Size curve over all sizes of the products",
        ylim=(0, 1),
    )
    axes.legend()
    return figure
