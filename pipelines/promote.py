"""The gate: which trained version may answer customers."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.jobs.base import Job
from pipelines.tracking import Registry, RegistryError, Version

__all__ = ["Gate", "Verdict", "challenge", "gate", "promote"]


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


def gate(job: Job, challenger: Version, champion: Version | None) -> Verdict:
    """Hold a version against the limits of calibration and against the champion.

    Two versions trained on the same data were judged on the same folds and are compared as they
    are. On other data the folds are others: then the challenger's run has the figures that the
    champion's settings reach on its folds, and must not fall behind those; and it must not fall
    far behind what the champion reached on its own in the first of its figures, as it would where
    labels were broken on the way.

    Parameters
    ----------
    job
        The model: which figures count, and how far they may differ.
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
    for limit in job.limits(challenger.metrics):
        figure = _figure(challenger, limit.metric)
        gates.append(Gate(limit.what, figure, limit.most, figure <= limit.most))
    # A champion that nobody could judge sets no bar.
    if champion is not None and champion.number != challenger.number and _was_judged(champion):
        same = challenger.tags.get("folds") == champion.tags.get("folds")
        for name, sign in job.main.items():
            ours = _figure(challenger, name)
            theirs = _figure(champion, name) if same else _replayed(challenger, champion, name)
            whose = "champion" if same else "champion's settings on the new folds"
            least = theirs - sign * job.noise.get(name, 0.0)
            passed = sign * ours >= sign * least
            gates.append(Gate(f"{name} against the {whose} ({theirs:.4f})", ours, least, passed))
        if not same:
            name, sign = next(iter(job.main.items()))
            ours, theirs = _figure(challenger, name), _figure(champion, name)
            least = theirs - sign * job.drift
            what = f"{name} against the champion on its own folds ({theirs:.4f})"
            gates.append(Gate(what, ours, least, sign * ours >= sign * least))
    return Verdict(challenger, champion, tuple(gates))


def promote(registry: Registry, job: Job, number: int | None = None) -> Verdict:
    """Make a version the champion if it passes the gate; the alias stays where it is if not.

    Parameters
    ----------
    registry
        Where versions are.
    job
        The model.
    number
        The version; the newest when None.
    """
    verdict = gate(job, registry.version(job.name, number), registry.champion(job.name))
    if verdict.passed:
        registry.promote(job.name, verdict.challenger.number)
    return verdict


def challenge(registry: Registry, job: Job, number: int | None = None) -> Version:
    """Let a version answer beside the champion, unseen by customers: no gate is asked.

    Parameters
    ----------
    registry
        Where versions are.
    job
        The model.
    number
        The version; the newest when None.

    Raises
    ------
    RegistryError
        There is no such version, no champion to compare it with, or it is the champion.
    """
    version, champion = registry.version(job.name, number), registry.champion(job.name)
    if champion is None:
        raise RegistryError(
            f"{job.name} has no champion to compare version {version.number} with; run: muslin"
            f" promote {job.command}"
        )
    if champion.number == version.number:
        raise RegistryError(
            f"version {version.number} of {job.name} is the champion: there is nothing to compare;"
            f" run: muslin train {job.command} --data DIR"
        )
    registry.challenge(job.name, version.number)
    return version


def _was_judged(version: Version) -> bool:
    return version.metrics.get("lines") != 0.0


def _figure(version: Version, name: str) -> float:
    if name not in version.metrics:
        raise RegistryError(
            f"version {version.number} of {version.name} has no {name} of the rolling folds, so it"
            " cannot be compared; train it again on data that tells enough outcomes"
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
