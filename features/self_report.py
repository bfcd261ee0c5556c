"""How people tell their bodies otherwise than they are, from who keeps what.

A size that was kept fits a body near the one it is cut for. Where those who keep a size tell waists
smaller than its chart says, they flatter themselves, or the size runs small. Dimensions tell the
two apart: what all of them share is the cut, what one has alone is the telling. The bias of a
dimension is therefore the middle of told less chart body over the lines, less what the dimensions
of the scale have in common.

Height and weight stand in no chart of girths. For them surveys say what people of the chart's body
measure (:mod:`features.anthropometry`), so that their bias also holds how a shop's people differ
from those surveyed: the sign is told by it rather than the centimetre.

Charts have a shape of their own: where a shop cuts its waists narrower than its people are, that
reads as flattery (about a centimetre on simulated shops). Compare shops, or years of one, rather
than trust a single figure to the centimetre.

No prediction is corrected by these figures. The natural size is learned from what people tell, so
that a bias they share is in it already.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from features.anthropometry import FIGURES, expected
from features.geometry import ScaleGeometry
from features.moments import FEWEST
from features.plausibility import kind_of

__all__ = ["told_bias"]

Floats = npt.NDArray[np.float64]


def told_bias(
    scale: str, geometry: ScaleGeometry, body: Floats, position: Floats
) -> dict[str, float]:
    """What people tell less the body that the sizes they keep are cut for, in cm and kg.

    Parameters
    ----------
    scale
        Its name, which says whose bodies.
    geometry
        Lines from body to position of the scale.
    body
        Kept lines by `features.bodies.BODY_COLUMNS`, as told, NaN where unknown.
    position
        Of the kept size, in steps.

    Returns
    -------
    dict of str to float
        By figure; empty where fewer than two dimensions of the charts were told on 40 lines each,
        for then telling and cut cannot be told apart.
    """
    away: dict[str, tuple[float, float]] = {}
    for name, (origin, slope) in geometry.lines.items():
        told = body[:, FIGURES.index(name)]
        known = np.isfinite(told) & np.isfinite(position)
        if known.sum() >= FEWEST:
            away[name] = float(np.median(told[known] - (position[known] - origin) / slope)), slope
    if len(away) < 2:
        return {}
    cut = float(np.median([centimetres * slope for centimetres, slope in away.values()]))
    bias = {name: cm - cut / slope for name, (cm, slope) in away.items()}
    bias |= _against_survey(scale, geometry, body, position)
    return {name: round(bias[name], 2) for name in FIGURES if name in bias}


def _against_survey(
    scale: str, geometry: ScaleGeometry, body: Floats, position: Floats
) -> dict[str, float]:
    """Told height and weight less those of people of the chart's body."""
    kind = kind_of(scale)
    if kind not in ("female", "male"):
        return {}
    chart = np.full((len(position), len(FIGURES)), np.nan)
    for name, (origin, slope) in geometry.lines.items():
        chart[:, FIGURES.index(name)] = (position - origin) / slope
    mean, _ = expected(chart, kind)
    bias = {}
    for name in ("height_cm", "weight_kg"):
        away = (body[:, : len(FIGURES)] - mean)[:, FIGURES.index(name)]
        if name not in geometry.lines and np.isfinite(away).sum() >= FEWEST:
            bias[name] = float(np.nanmedian(away))
    return bias
