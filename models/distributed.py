"""Boosters trained by several processes or machines, through LightGBM's own interface to Dask.

Each worker reads its share of the parts itself; neither the process that asks nor any one worker
ever holds all of the vectors. A worker holds its share as float64 twice while LightGBM begins
(Dask's pieces, and the one matrix made of them): 16 bytes a value, so `n` lines of `c` columns on
`w` workers take 16 n c / w bytes each. Everything around the boosters, such as calibration, is
learned where `fit_parts` was called.

The boosters are not those of one process to the last bit: bins are made of what each worker sampled
of its share, and the gradients of the shares are added up in another order. They are as good.

Dask's scheduler and LightGBM's workers trust whoever reaches their ports: run them in a network of
their own. Needs the extra ``dask``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.vectors import SEED_OF_BINS, Vectors, View
from models.vectors_on_disk import VectorParts

try:
    import dask
    import dask.array as da
    from dask.distributed import Client, LocalCluster
except ImportError as error:
    raise ImportError(
        f"training with several workers needs Dask ({error}); pip install 'muslin[dask]'"
    ) from error

__all__ = ["DaskTrainer", "connected", "local_workers"]

Floats = npt.NDArray[np.float64]

_SKLEARN_NAMES = {
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "lambda_l2": "reg_lambda",
    "seed": "random_state",
}
"""LightGBM's estimators set these themselves; under the other name they would be set twice."""
_OF_THE_WORKERS = ("num_threads",)
_ADDRESSES = re.compile(r"^\[(machines|local_listen_port|num_machines|time_out): .*\]\n", re.M)


@dataclass(frozen=True)
class DaskTrainer:
    """Train on the workers of a Dask cluster; a :class:`models.vectors.Trainer`.

    A part goes to one worker whole, so there should be several to each worker. On several machines
    the folder must be where all of them can read it.

    Parameters
    ----------
    client
        Connected to the cluster; see :func:`local_workers` and :func:`connected`.
    """

    client: Client

    def __call__(
        self,
        rows: Vectors,
        label: npt.NDArray[Any],
        settings: Sequence[Mapping[str, Any]],
        *,
        rounds: int,
        names: Sequence[str] | None = None,
        coded: Sequence[int] = (),
        view: View | None = None,
    ) -> list[lgb.Booster]:
        """Train a booster for each of some settings; see :class:`models.vectors.Trainer`.

        Raises
        ------
        TypeError
            The rows are not on disk.
        """
        if not isinstance(rows, VectorParts):
            raise TypeError("workers read vectors from disk; call fit_parts(folder) instead of fit")
        X, y = self._arrays(rows, label, view)
        return [self._boost(X, y, each, rounds, names, coded) for each in settings]

    def _arrays(self, rows: VectorParts, label: npt.NDArray[Any], view: View | None) -> Any:
        """Dask arrays whose pieces lie with the workers that read them."""
        parts = rows.each()
        places = _shares([len(part) for part in parts], sorted(self.client.ncores()))
        width = rows.width if view is None else view(rows.take(np.arange(1)), 0).shape[1]
        told = label.astype(np.float32)
        blocks, labels = [], []
        first = 0
        for part, place in zip(parts, places, strict=True):
            count = len(part)
            where = {"workers": [place], "allow_other_workers": False, "pure": False}
            block = self.client.submit(_read, part, view, first, **where)
            own = self.client.submit(np.asarray, told[first : first + count], **where)
            blocks.append(da.from_delayed(block, (count, width), dtype=np.float64))
            labels.append(da.from_delayed(own, (count,), dtype=np.float32))
            first += count
        return da.concatenate(blocks), da.concatenate(labels)

    def _boost(
        self,
        X: Any,
        y: Any,
        settings: Mapping[str, Any],
        rounds: int,
        names: Sequence[str] | None,
        coded: Sequence[int],
    ) -> lgb.Booster:
        own = {_SKLEARN_NAMES.get(k, k): v for k, v in settings.items() if k not in _OF_THE_WORKERS}
        # The regressor takes any objective and labels as they are. The classifier would number the
        # classes of each worker's share by itself, wrongly where a share lacks one.
        model = lgb.DaskLGBMRegressor(
            client=self.client,
            n_estimators=rounds,
            tree_learner="data",
            data_random_seed=SEED_OF_BINS,
            **own,
        )
        with warnings.catch_warnings():
            # It is a parameter of the estimator with a value of its own, whoever sets it.
            warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored", UserWarning)
            model.fit(
                X,
                y,
                feature_name="auto" if names is None else list(names),
                categorical_feature=list(coded) if coded else "auto",
            )
        # What is kept of a model must not tell the addresses of the machines that trained it.
        return lgb.Booster(model_str=_ADDRESSES.sub("", model.booster_.model_to_string()))


@contextmanager
def local_workers(count: int, *, threads: int = 1) -> Iterator[Client]:
    """Worker processes on this machine, on loopback and without dashboards, ended at the end.

    Parameters
    ----------
    count
        Worker processes.
    threads
        Threads of each.
    """
    quiet = {"distributed.scheduler.work-stealing": False}  # a part stays where it was read
    with (
        dask.config.set(quiet),
        LocalCluster(
            n_workers=count,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """The workers of a cluster that is running.

    Parameters
    ----------
    address
        Of its scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    OSError
        Nothing answers there.
    """
    with Client(address) as client:
        yield client


def _read(part: VectorParts, view: View | None, first: int) -> Floats:
    """Run by a worker: its part, as the booster sees it."""
    block = part.matrix()
    return block if view is None else view(block, first)


def _shares(rows: Sequence[int], workers: Sequence[str]) -> list[str]:
    """A worker for each part, the largest parts first, each to who has the fewest rows."""
    load = dict.fromkeys(workers, 0)
    places = [""] * len(rows)
    for part in sorted(range(len(rows)), key=lambda i: (-rows[i], i)):
        place = min(load, key=load.__getitem__)
        places[part] = place
        load[place] += rows[part]
    return places
