"""Train a model from vectors on disk: what no data frame holds, by this process or by many.

The folder is what `muslin features build` writes of a model: ``part-*.parquet`` as
:mod:`models.vectors_on_disk` says, and the feature space that made them in ``state/space.json``
(or ``space.json``). It writes two more, which vectors of other making may lack; the model is better
for them:

=============  =====================  ===========================================================
`size_fit`     ``candidates/part-*``  all sizes of the newest lines; else size sets hold all sizes
`return_risk`  ``delivered/part-*``   vectors as of the delivery; else the chance stays that of the
                                      order once the parcel has arrived
=============  =====================  ===========================================================

A model is judged on the newest fifth of the time, by one trained on lines so much older that their
outcomes were known by then; then it is trained on everything. Each line's vector tells what was
known strictly before its own moment.
"""

from __future__ import annotations

import hashlib
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data_contracts.errors import BadInputError
from data_contracts.lazy import fs
from features.events import DAY_US
from features.return_risk import VECTORS
from features.size_fit import VECTOR
from models.return_risk import ReturnRisk
from models.size_fit import SizeFit
from models.size_fit.parts import CANDIDATES
from models.vectors import Trainer, train_here
from models.vectors_on_disk import NoPartsError, PartsError, VectorParts, opened
from pipelines.golden import keep_golden
from pipelines.jobs.base import Floats, Ints, Job, Judgement
from pipelines.jobs.return_risk import ReturnRiskJob
from pipelines.jobs.size_fit import SizeFitJob
from pipelines.metrics import fit_metrics
from pipelines.risk_metrics import risk_metrics
from pipelines.settings_by_size import suiting_rounds
from pipelines.simulate import simulate
from pipelines.tracking import Registry
from pipelines.train import Trained, replayed

__all__ = ["train_from_vectors", "trainer"]

_SPACE, _DELIVERED = "space.json", "delivered"
_JUDGED_SHARE = 0.2
_SETTLED_US = 90 * DAY_US
"""After so long nearly every outcome is known."""
_MOST_JUDGED = 1_000_000
_GOLDEN_LINES = 400


@dataclass(frozen=True)
class _Fold:
    """Where time is cut: outcomes of lines before `known` were told when `start` came."""

    folder: str
    known: int
    start: int
    train: Trainer


class _Estimator(Protocol):
    def predict_proba(self, X: Floats) -> Floats: ...

    def save(self, folder: Path) -> None: ...


class _OnDisk(Job):
    """A job whose folds and whose training are vectors on disk."""

    @abstractmethod
    def judged_in(self, folder: str) -> VectorParts:
        """The lines a model is judged on."""

    @abstractmethod
    def fit_folder(
        self, folder: str, params: Mapping[str, Any], train: Trainer
    ) -> dict[str, _Estimator]:
        """Models by the folder each is saved in."""

    @abstractmethod
    def lacks(self, folder: str) -> list[str]:
        """What the folder could have and has not, and what follows."""


class _ReturnRisk(ReturnRiskJob, _OnDisk):
    def judged_in(self, folder: str) -> VectorParts:
        also = ("y", "at", "mature")
        return _settled(VectorParts.open(folder, VECTORS["checkout"], also), "mature")

    def judge_fold(self, prepared: Any, params: Mapping[str, Any]) -> Judgement:
        model = ReturnRisk(**{**params, "moment": "checkout"}).fit_parts(
            prepared.folder, train=prepared.train, before=prepared.known
        )
        y, probability = _predicted(model, self.judged_in(prepared.folder), prepared.start)
        return Judgement(risk_metrics(y, probability), y, probability)

    def fit_folder(
        self, folder: str, params: Mapping[str, Any], train: Trainer
    ) -> dict[str, _Estimator]:
        later = f"{folder}/{_DELIVERED}"
        delivered: ReturnRisk | None = None
        # What is wrong with it is told before the first is trained, which takes long.
        if _has_parts(later):
            VectorParts.open(later, VECTORS["delivered"])
            delivered = ReturnRisk(**{**params, "moment": "delivered"})
        checkout = ReturnRisk(**{**params, "moment": "checkout"}).fit_parts(folder, train=train)
        if delivered is None:
            return {"checkout": checkout, _DELIVERED: checkout.as_of_delivery()}
        return {"checkout": checkout, _DELIVERED: delivered.fit_parts(later, train=train)}

    def lacks(self, folder: str) -> list[str]:
        if _has_parts(f"{folder}/{_DELIVERED}"):
            return []
        return [f"no vectors in {folder}/{_DELIVERED}: parcels that arrived are judged as ordered"]


class _SizeFit(SizeFitJob, _OnDisk):
    def judged_in(self, folder: str) -> VectorParts:
        parts = VectorParts.open(folder, VECTOR, ("y", "at", "told"))
        return _settled(parts, "sized" if parts.has("sized") else None)

    def judge_fold(self, prepared: Any, params: Mapping[str, Any]) -> Judgement:
        model = SizeFit(**{**params, "members": 1}).fit_parts(
            prepared.folder, train=prepared.train, before=prepared.known
        )
        y, probability = _predicted(model, self.judged_in(prepared.folder), prepared.start)
        return Judgement(fit_metrics(y, probability), y, probability)

    def fit_folder(
        self, folder: str, params: Mapping[str, Any], train: Trainer
    ) -> dict[str, _Estimator]:
        return {".": SizeFit(**params).fit_parts(folder, train=train)}

    def lacks(self, folder: str) -> list[str]:
        if _has_parts(f"{folder}/{CANDIDATES}"):
            return []
        return [f"no sizes in {folder}/{CANDIDATES}: size sets will hold every size"]


_JOBS: dict[str, tuple[_OnDisk, int]] = {
    "return_risk": (_ReturnRisk(), ReturnRisk().n_estimators),
    "size_fit": (_SizeFit(), SizeFit().n_estimators),
}


def train_from_vectors(
    name: str,
    folder: str,
    registry: Registry,
    *,
    params: Mapping[str, Any] | None = None,
    train: Trainer = train_here,
    step: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train, log and register a version. It serves nobody until it is promoted.

    Parameters
    ----------
    name
        ``return_risk`` or ``size_fit``.
    folder
        Path or URL; see the module.
    registry
        Where it goes.
    params
        Of the estimator, beside those that suit the number of lines.
    train
        What trains the boosters.
    step
        Called with the name of each step as it begins.

    Raises
    ------
    BadInputError
        The model is not trained from vectors, or the folder lacks something it needs.
    """
    if name not in _JOBS:
        raise BadInputError(
            f"{name} is not trained from vectors: it learns from claims, a small part of all lines,"
            f" and memory is not its limit; use muslin train {name} --data DIR"
        )
    job, most = _JOBS[name]
    with _as_bad_input(), tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "model"
        target.mkdir()
        step("taking the fingerprint of the vectors")
        _take_space(job, folder, target)
        data_id = _fingerprint(folder)
        lines = job.judged_in(folder)
        settings = job.settings(
            {"n_estimators": suiting_rounds(len(lines), most), **(params or {})}
        )
        fold = _cut(folder, lines.column("at"), train)
        step("judging on the newest fifth of the time")
        judged = list(job.judge([fold], settings))
        metrics = job.pooled([each.metrics for each in judged])
        tags = {"data_fingerprint": data_id, "folds": f"{data_id}/vectors", "source": folder}
        champion = registry.champion(job.name)
        if champion is not None and champion.tags.get("folds") != tags["folds"]:
            step("judging the champion's settings on the same lines")
            tags["champion_then"] = str(champion.number)
            theirs = replayed(job, champion, settings, [fold], metrics)
            metrics |= {f"champion_{key}": value for key, value in theirs.items()}
        step("training on all lines")
        for place, model in job.fit_folder(folder, settings, train).items():
            model.save(target / place)
        # The tables are elsewhere: a simulated shop asks.
        keep_golden(job, target, simulate(_GOLDEN_LINES, seed=1).tables)
        step("logging to MLflow")
        version = registry.register(
            job.name,
            target,
            params=settings | {"folds": 1, "trials": 0},
            metrics=metrics | {"trained_on": float(len(lines))},
            steps=[each.metrics for each in judged],
            tags=tags,
            features=job.features,
            outputs=job.outputs,
        )
    return Trained(
        version=version,
        metrics=metrics,
        folds=[each.metrics for each in judged],
        params=settings,
        learnt=len(lines),
        notes=job.lacks(folder),
    )


@contextmanager
def trainer(workers: int = 0, scheduler: str | None = None) -> Iterator[Trainer]:
    """What trains: this process, worker processes of this machine, or a cluster.

    Parameters
    ----------
    workers
        Worker processes to start; none where 0.
    scheduler
        Address of a running Dask scheduler instead.

    Raises
    ------
    BadInputError
        Dask is not installed, or nobody answers at the address.
    """
    if not workers and scheduler is None:
        yield train_here
        return
    try:
        from models.distributed import DaskTrainer, connected, local_workers
    except ImportError as error:
        raise BadInputError(str(error)) from error
    with local_workers(workers) if scheduler is None else connected(scheduler) as client:
        yield DaskTrainer(client)


@contextmanager
def _as_bad_input() -> Iterator[None]:
    try:
        yield
    except PartsError as error:
        raise BadInputError(str(error)) from error


def _settled(parts: VectorParts, mark: str | None) -> VectorParts:
    """Lines with an outcome, those that are marked."""
    rows = parts.column("y") >= 0
    if mark is not None:
        rows &= parts.column(mark).astype(bool)
    if not rows.any():
        raise PartsError(
            f"no line of {parts.folder} has a settled outcome; there is nothing to learn"
        )
    return parts.where(rows)


def _cut(folder: str, at: Ints, train: Trainer) -> _Fold:
    start = int(np.quantile(at, 1 - _JUDGED_SHARE))
    # A shop too young for that is judged by what it has.
    settled = min(_SETTLED_US, (start - int(at.min())) // 4)
    return _Fold(folder, start - settled, start, train)


def _predicted(model: _Estimator, parts: VectorParts, start: int) -> tuple[Ints, Floats]:
    at = parts.column("at")
    newest = at >= start
    if newest.sum() > _MOST_JUDGED:
        newest = at >= np.partition(at, -_MOST_JUDGED)[-_MOST_JUDGED]
    parts = parts.where(newest)
    chances = [model.predict_proba(block) for block in parts.blocks()]
    return parts.column("y").astype(np.int64), np.concatenate(chances)


def _take_space(job: Job, folder: str, target: Path) -> None:
    """Copy the feature space to the model, once it is known to be one of this version."""
    system, root = opened(folder)
    places = [f"{root}/state/{_SPACE}", f"{root}/{_SPACE}"]
    found = [each.path for each in system.get_file_info(places) if each.is_file]
    if not found:
        raise PartsError(
            f"{folder} has no state/{_SPACE}, the feature space that made the vectors;"
            " give the folder of one model as muslin features build wrote it"
        )
    with system.open_input_stream(found[0]) as stream:
        (target / _SPACE).write_bytes(stream.read())
    job.load_space(target)


def _has_parts(folder: str) -> bool:
    try:
        VectorParts.open(folder, ())
    except NoPartsError:
        return False
    return True


def _fingerprint(folder: str) -> str:
    """SHA-256 of all files, by their names in the folder."""
    system, root = opened(folder)
    files = system.get_file_info(fs.FileSelector(root, recursive=True))
    digest = hashlib.sha256()
    for info in sorted((each for each in files if each.is_file), key=lambda each: each.path):
        digest.update(f"{info.path.removeprefix(root)}\0{info.size}\0".encode())
        with system.open_input_stream(info.path) as stream:
            while chunk := stream.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()
