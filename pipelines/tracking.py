"""MLflow as the record and the registry: everything that touches it stands here.

The model is logged as the plain folder its own `save` writes, with an ``MLmodel`` file that holds
its signature: JSON and LightGBM text, nothing pickled. The registered version points to the folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from data_contracts.errors import BadInputError
from features.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PREVIOUS",
    "Registry",
    "RegistryError",
    "Version",
    "fingerprint",
]

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
_EARLIER = "muslin.earlier_champions"
_MOST_EARLIER = 50
_SQLITE = "sqlite:///"
_MODEL = "model"


class RegistryError(BadInputError):
    """The registry cannot be used, or does not hold what was asked for."""


@dataclass(frozen=True)
class Version:
    """A registered version and what was logged of the run that made it."""

    name: str
    number: int
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def fingerprint(tables: Mapping[str, pd.DataFrame]) -> str:
    """SHA-256 of the contract tables: the same rows give the same, in whatever order they stand."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        frame = tables[name]
        columns = sorted(frame.columns)
        plain = frame[columns].copy()
        for column in columns:
            if plain[column].dtype == object:  # lists cannot be hashed
                plain[column] = plain[column].map(str).astype("str")
        rows = pd.util.hash_pandas_object(plain, index=False).sort_values().to_numpy()
        digest.update(json.dumps([name, columns, len(rows)]).encode())
        digest.update(rows.astype("<u8").tobytes())
    return digest.hexdigest()


class Registry:
    """The model registry and the record of runs.

    Parameters
    ----------
    settings
        ``tracking_uri``; a SQLite file is made where there is none, with its artifacts beside it.

    Raises
    ------
    RegistryError
        It cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        self.uri = settings.tracking_uri
        self._artifacts: str | None = None
        if self.uri.startswith(_SQLITE):
            file = Path(self.uri.removeprefix(_SQLITE)).resolve()
            file.parent.mkdir(parents=True, exist_ok=True)
            # MLflow keeps a store by its URI: a relative one would go on meaning the first folder.
            self.uri = f"{_SQLITE}{file}"
            self._artifacts = (file.parent / "artifacts").as_uri()
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        logging.getLogger("alembic").setLevel(logging.WARNING)
        import mlflow
        from mlflow.exceptions import MlflowException

        try:
            # Global as well: artifact look-ups by `models:/` and `runs:/` go by it.
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            self.client: MlflowClient = mlflow.MlflowClient(self.uri, self.uri)
            self.client.search_registered_models(max_results=1)
        except (MlflowException, OSError, ValueError) as error:
            raise RegistryError(
                f"the model registry at {self.uri} cannot be used: {error}"
            ) from None
        except Exception as error:  # SQLAlchemy's, of whatever driver
            reason = str(error).splitlines()[0]
            raise RegistryError(
                f"the model registry at {self.uri} cannot be used: {reason}"
            ) from None

    @property
    def study_url(self) -> str:
        """Database URL of the tuning studies: this record's own."""
        if "://" not in self.uri or self.uri.startswith(("http://", "https://")):
            raise RegistryError(
                f"tuning keeps its study in the record's database, and {self.uri} is none;"
                " give MUSLIN_TRACKING_URI a database URL"
            )
        return self.uri

    def register(
        self,
        name: str,
        folder: Path,
        *,
        features: Sequence[str],
        outputs: Sequence[str],
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        steps: Sequence[Mapping[str, float]] = (),
        tags: Mapping[str, str] | None = None,
        figures: Mapping[str, Any] | None = None,
    ) -> int:
        """Log a trained model and register it.

        Parameters
        ----------
        name
            Registered model.
        folder
            The model as its `save` wrote it.
        features
            Columns of the vector, for the signature and as ``features.json``.
        outputs
            What the model answers with, for the signature.
        params, metrics, tags
            Of the run.
        steps
            Metrics of each rolling fold in turn, logged as ``fold_*`` with the fold as step.
        figures
            matplotlib figures by file name, logged under ``plots/``.

        Returns
        -------
        int
            Number of the version.
        """
        from mlflow.entities import Metric, Param, RunTag

        run = self.client.create_run(self._experiment(name), run_name=name).info
        now = run.start_time
        logged = [Metric(key, float(value), now, 0) for key, value in metrics.items()]
        for step, fold in enumerate(steps):
            logged += [Metric(f"fold_{key}", float(v), now, step) for key, v in fold.items()]
        self.client.log_batch(
            run.run_id,
            metrics=logged,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
        )
        with tempfile.TemporaryDirectory() as temporary:
            described = Path(temporary) / "MLmodel"
            described.write_text(_mlmodel(name, run.run_id, features, outputs), "utf-8")
            self.client.log_artifacts(run.run_id, str(folder), _MODEL)
            self.client.log_artifact(run.run_id, str(described), _MODEL)
        self.client.log_dict(run.run_id, list(features), "features.json")
        for file, figure in (figures or {}).items():
            self.client.log_figure(run.run_id, figure, f"plots/{file}")
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        version = self.client.create_model_version(
            name, f"runs:/{run.run_id}/{_MODEL}", run_id=run.run_id
        )
        self.client.set_terminated(run.run_id)
        return int(version.version)

    def version(self, name: str, number: int | None = None) -> Version:
        """Give a version with its run's record; the newest when no number is given.

        Raises
        ------
        RegistryError
            There is no such version.
        """
        known = sorted(
            int(each.version) for each in self.client.search_model_versions(f"name = '{name}'")
        )
        train = f"muslin train {name.replace('_', '-')} --data DIR"
        if not known:
            raise RegistryError(f"no version of {name} is registered at {self.uri}; run: {train}")
        if number is not None and number not in known:
            shown = ", ".join(map(str, known[-10:]))
            raise RegistryError(f"{name} has no version {number}; it has {shown}")
        return self._read(name, known[-1] if number is None else number)

    def champion(self, name: str) -> Version | None:
        """Give the version that serves; None while there is none."""
        return self._named(name, CHAMPION)

    def challenger(self, name: str) -> Version | None:
        """Give the version that answers beside the champion; None while there is none."""
        return self._named(name, CHALLENGER)

    def earlier(self, name: str) -> list[int]:
        """Numbers of the versions that were champions before this one, the last of them last."""
        models = self.client.search_registered_models(f"name = '{name}'")
        told = models[0].tags.get(_EARLIER) if models else None
        return [int(each) for each in json.loads(told or "[]")]

    def promote(self, name: str, number: int) -> None:
        """Make a version the champion; the one before is kept in mind for :meth:`roll_back`."""
        models = self.client.search_registered_models(f"name = '{name}'")
        aliases = dict(models[0].aliases) if models else {}
        before = aliases.get(CHAMPION)
        if before is not None and int(before) != number:
            self._remember(name, [*self.earlier(name), int(before)])
        self.client.set_registered_model_alias(name, CHAMPION, str(number))
        if int(aliases.get(CHALLENGER, 0)) == number:
            self.challenge(name, None)

    def roll_back(self, name: str) -> tuple[Version, Version]:
        """Make the champion before this one the champion again.

        Returns
        -------
        before, now
            The version that was the champion, and the one that is.

        Raises
        ------
        RegistryError
            There is none before.
        """
        champion = self.champion(name)
        if champion is None:
            raise RegistryError(f"{name} has no champion at {self.uri}, so there is no way back")
        known = {int(v.version) for v in self.client.search_model_versions(f"name = '{name}'")}
        left = [n for n in self.earlier(name) if n in known and n != champion.number]
        if not left:
            raise RegistryError(
                f"version {champion.number} is the first champion of {name}, so there is none to go"
                f" back to; choose one: muslin promote {name.replace('_', '-')} --version N"
            )
        self.client.set_registered_model_alias(name, CHAMPION, str(left[-1]))
        self._remember(name, left[:-1])
        return champion, self._read(name, left[-1])

    def challenge(self, name: str, number: int | None) -> None:
        """Let a version answer beside the champion, or none."""
        if number is not None:
            self.client.set_registered_model_alias(name, CHALLENGER, str(number))
        elif self.challenger(name) is not None:
            self.client.delete_registered_model_alias(name, CHALLENGER)

    def _remember(self, name: str, earlier: Sequence[int]) -> None:
        """Keep the champions before this one; the last also under an alias, for people to see."""
        told = json.dumps(list(earlier)[-_MOST_EARLIER:])
        self.client.set_registered_model_tag(name, _EARLIER, told)
        if earlier:
            self.client.set_registered_model_alias(name, PREVIOUS, str(earlier[-1]))
        elif self._named(name, PREVIOUS) is not None:
            self.client.delete_registered_model_alias(name, PREVIOUS)

    def _named(self, name: str, alias: str) -> Version | None:
        models = self.client.search_registered_models(f"name = '{name}'")
        number = models[0].aliases.get(alias) if models else None
        return None if number is None else self._read(name, int(number))

    def download(self, name: str, number: int, folder: Path) -> Path:
        """Copy a version's model to a folder and give its path there."""
        from mlflow import artifacts

        return Path(artifacts.download_artifacts(f"models:/{name}/{number}", dst_path=str(folder)))

    def _read(self, name: str, number: int) -> Version:
        version = self.client.get_model_version(name, str(number))
        data = self.client.get_run(version.run_id).data
        return Version(name, number, dict(data.params), dict(data.metrics), dict(data.tags))

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = f"{self._artifacts}/{name}" if self._artifacts else None
        return str(self.client.create_experiment(name, artifact_location=place))


def _mlmodel(name: str, run_id: str, features: Sequence[str], outputs: Sequence[str]) -> str:
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, column) for column in features]),
        outputs=Schema([ColSpec(DataType.double, column) for column in outputs]),
    )
    model = Model(artifact_path=_MODEL, run_id=run_id, signature=signature)
    model.add_flavor(f"muslin.{name}", loader=f"models.{name}")
    return str(model.to_yaml())
