"""The gate: which trained version may answer customers."""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.tables import FIT
from pipelines.tracking import Registry, RegistryError, Version

__all__ = ["MISCALIBRATION", "Gate", "Verdict", "gate", "promote"]

MISCALIBRATION = 0.02
"""Largest |mean predicted - mean observed| of a class over the rolling folds."""
NOISE = 0.002
"""A difference on the same folds that two runs with other seeds show."""
_DRIFT = 0.02
_JUDGED = {"mean_auc": 1.0, "log_loss": -1.0}


@dataclass(frozen=True)
class Gate:
    """One thing that was compared.

    Parameters
    ----------
    what
        Figure and the limit it was held against.
    challenger, limit
        The figures.
    passed
        Whether the challenger may go on.
    """

    what: str
    challenger: float
    limit: float
    passed: bool


@dataclass(frozen=True)
class Verdict:
    """Whether a version may become the champion, and everything that was compared."""

    challenger: Version
    champion: Version | None
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """True when every gate is passed."""
        return all(each.passed for each in self.gates)


def gate(challenger: Version, champion: Version | None) -> Verdict:
    """Hold a version against the limits of calibration and against the champion.

    Two versions trained on the same data were judged on the same folds and are compared as they
    are. On other data the folds are others: then the challenger's run has the figures that the
    champion's settings reach on its folds, and must not fall behind those; and it must not fall
    more than 0.02 of mean AUC behind what the champion reached on its own, as it would where labels
    were broken on the way.

    Parameters
    ----------
    challenger
        With the record of its run.
    champion
        None when there is none; then only calibration counts.

    Raises
    ------
    RegistryError
        The runs lack the figures.
    """
    gates = []
    for fit in FIT:
        gap = _figure(challenger, f"gap_{fit}")
        what = f"|mean predicted - mean observed| of {fit}"
        gates.append(Gate(what, gap, MISCALIBRATION, gap <= MISCALIBRATION))
    if champion is not None and champion.number != challenger.number:
        same = challenger.tags.get("folds") == champion.tags.get("folds")
        for name, sign in _JUDGED.items():
            ours = _figure(challenger, name)
            theirs = _figure(champion, name) if same else _replayed(challenger, champion, name)
            whose = "champion" if same else "champion's settings on the new folds"
            limit = theirs - sign * NOISE
            passed = sign * ours >= sign * limit
            gates.append(Gate(f"{name} against the {whose} ({theirs:.4f})", ours, limit, passed))
        if not same:
            ours, theirs = _figure(challenger, "mean_auc"), _figure(champion, "mean_auc")
            what = f"mean_auc against the champion on its own folds ({theirs:.4f})"
            gates.append(Gate(what, ours, theirs - _DRIFT, ours >= theirs - _DRIFT))
    return Verdict(challenger, champion, tuple(gates))


def promote(registry: Registry, name: str, number: int | None = None) -> Verdict:
    """Make a version the champion if it passes the gate; the alias stays where it is if not.

    Parameters
    ----------
    registry
        Where versions are.
    name
        Registered model.
    number
        The version; the newest when None.
    """
    verdict = gate(registry.version(name, number), registry.champion(name))
    if verdict.passed:
        registry.promote(name, verdict.challenger.number)
    return verdict


def _figure(version: Version, name: str) -> float:
    if name not in version.metrics:
        raise RegistryError(
            f"version {version.number} of {version.name} has no {name} of the rolling folds, so it"
            " cannot be compared; train it again on data with all three outcomes"
        )
    return version.metrics[name]


def _replayed(challenger: Version, champion: Version, name: str) -> float:
    if challenger.tags.get("champion_then") != str(champion.number):
        raise RegistryError(
            f"version {challenger.number} of {challenger.name} was trained on other data than the"
            f" champion, version {champion.number}, and before that became the champion: there is"
            " nothing to compare. Train it again"
        )
    return challenger.metrics[f"champion_{name}"]
