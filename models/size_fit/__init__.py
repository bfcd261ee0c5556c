"""Which size fits: estimator, curves, decisions."""

from models.size_fit.estimator import Decision, SizeFit

__all__ = ["Decision", "SizeFit"]
