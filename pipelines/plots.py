"""Plots that go with a training run: is it calibrated, and do its size curves make sense?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from data_contracts.tables import FIT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration_plot", "size_curve_plot"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BINS = 10
_REACH = 3.0
_COLOURS = dict(zip(FIT, ("#4c72b0", "#55a868", "#c44e52"), strict=True))


def calibration_plot(y: Ints, probability: Floats) -> Figure:
    """Observed share against mean predicted share, by tenths of the lines, class by class.

    Parameters
    ----------
    y
        Outcomes of the rolling folds, shape (n,).
    probability
        Shape (n, 3).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for code, name in enumerate(FIT):
        order = np.argsort(probability[:, code], kind="stable")
        parts = [part for part in np.array_split(order, _BINS) if len(part)]
        predicted = [probability[part, code].mean() for part in parts]
        observed = [(y[part] == code).mean() for part in parts]
        axes.plot(predicted, observed, marker="o", color=_COLOURS[name], label=name)
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
        axes.plot(at, mean, marker="o", color=_COLOURS[name], label=name)
    axes.set(
        xlabel="steps from the natural size",
        ylabel="mean probability",
        title="Size curve over all sizes of the products",
        ylim=(0, 1),
    )
    axes.legend()
    return figure
