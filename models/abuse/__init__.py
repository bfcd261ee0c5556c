"""Abuse of the returns policy: conduct against its peers, and what was decided about it."""

from models.abuse.answer import AbuseScore, Signal
from models.abuse.estimator import AbuseModel

__all__ = ["AbuseModel", "AbuseScore", "Signal"]
