"""Which lines come back, and why."""

from models.return_risk.estimator import ReturnRisk

__all__ = ["ReturnRisk"]
