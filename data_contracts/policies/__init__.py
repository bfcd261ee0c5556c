"""Return policies: rules as data, layered, where no rule of a shop takes a statutory right."""

from data_contracts.policies.changes import Change, RuleChange, changes
from data_contracts.policies.errors import PolicyError
from data_contracts.policies.reading import policy_files
from data_contracts.policies.rulebook import Policies
from data_contracts.policies.situation import ABUSE_BAND, Situation
from data_contracts.policies.terms import Decision, Terms

__all__ = [
    "ABUSE_BAND",
    "Change",
    "Decision",
    "Policies",
    "PolicyError",
    "RuleChange",
    "Situation",
    "Terms",
    "changes",
    "policy_files",
]
