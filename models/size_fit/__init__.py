"""Which size fits: estimator, curves, decisions."""

from models.size_fit.estimator import SizeFit
from models.size_fit.rows import Decision

__all__ = ["Decision", "SizeFit"]
