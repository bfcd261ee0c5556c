"""The floor's boosters as MLflow serves a model: vectors in, scores out.

MLflow takes the rows as JSON, so the questions are the vectors themselves, made ready.
"""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import orjson
from mlflow import pyfunc

from tests.benchmarks.serving.floor import RAW, Work


class Boosters(pyfunc.PythonModel):
    """Asks each booster for the rows that bear its number."""

    def load_context(self, context):
        folder = Path(context.artifacts["work"])
        self.raw = orjson.loads((folder / RAW).read_bytes())
        self.boosters = [lgb.Booster(model_file=folder / f"{i}.txt") for i in range(len(self.raw))]

    def predict(self, context, model_input, params=None):
        return {
            name: self.boosters[int(name)]
            .predict(np.array(rows, dtype=float), raw_score=self.raw[int(name)], num_threads=1)
            .tolist()
            for name, rows in model_input.items()
        }


def save(folder: Path, work: Path) -> None:
    """Write the model's folder."""
    pyfunc.save_model(
        folder, python_model=Boosters(), artifacts={"work": str(work)}, pip_requirements=[]
    )


def question(work: Work) -> bytes:
    """One question as MLflow takes it."""
    rows = {str(booster): X for booster, X in work.vectors.items()}
    return orjson.dumps({"inputs": rows}, option=orjson.OPT_SERIALIZE_NUMPY)
